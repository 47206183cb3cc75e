// Posts the answer to the app at once (OAuth 2.0 Form Post Response Mode, 2). The page's button does the
// same where scripts are off. Coming back with the Back button must not post a second time.
const [visit] = performance.getEntriesByType("navigation");
if (visit?.type !== "back_forward") {
  // A field named "submit" would hide the form's own method.
  HTMLFormElement.prototype.submit.call(document.getElementById("form-post"));
}
