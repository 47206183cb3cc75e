// Posts the answer to the app at once (OAuth 2.0 Form Post Response Mode, 2); the page's button does the
// same where scripts are off. Posted before the page has loaded, so it leaves no entry in the history, and
// the Back button cannot post it again. A field named "submit" would hide the form's own method.
HTMLFormElement.prototype.submit.call(document.getElementById("form-post"));
