// Goes on as soon as every app has ended its session in this browser (OpenID Connect Front-Channel Logout 1.0, 3),
// and without those that take too long. Where scripts are off, the page does so by itself, or by its link.
function goOn() {
  location.replace(document.getElementById("continue-link").href);
}
addEventListener("load", goOn);
setTimeout(goOn, 5000);
