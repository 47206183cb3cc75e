// The page goes on by itself when every app has ended its session in this browser (OpenID Connect Front-Channel
// Logout 1.0, 3). This does not wait for those that take too long; where scripts are off, the page's link does.
setTimeout(() => location.replace(document.getElementById("continue-link").href), 5000);
