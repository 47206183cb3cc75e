// A single-page app without a server of its own: tokens live in this tab's memory and nowhere else.
import * as oauth from "./oauth4webapi.js";

const { issuer, client_id, api, scope } = await (await fetch("settings.json")).json();
const loopback = { [oauth.allowInsecureRequests]: true };
const client = { client_id };
const redirect_uri = `${location.origin}/`;
let as, tokens;

const actions = {
  async connect() {
    const [state, verifier] = [oauth.generateRandomState(), oauth.generateRandomCodeVerifier()];
    sessionStorage.setItem("asked", JSON.stringify({ state, verifier }));
    const link = new URL(as.authorization_endpoint);
    link.search = new URLSearchParams({
      client_id,
      redirect_uri,
      response_type: "code",
      scope,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    location.assign(link);
    return "leaving";
  },

  async connected() {
    const { state, verifier } = JSON.parse(sessionStorage.getItem("asked"));
    sessionStorage.removeItem("asked");
    const answer = oauth.validateAuthResponse(as, client, new URL(location), state);
    history.replaceState(null, "", "/");
    const response = await oauth.authorizationCodeGrantRequest(
      as, client, oauth.None(), answer, redirect_uri, verifier, loopback,
    );
    tokens = await oauth.processAuthorizationCodeResponse(as, client, response);
    return `connected: ${tokens.scope}`;
  },

  async show() {
    const response = await oauth.protectedResourceRequest(
      tokens.access_token, "GET", new URL(`${api}/photos`), undefined, undefined, loopback,
    );
    return (await response.json()).photos.map((photo) => photo.title).join(", ");
  },

  async renew() {
    const before = tokens;
    const response = await oauth.refreshTokenGrantRequest(as, client, oauth.None(), before.refresh_token, loopback);
    tokens = await oauth.processRefreshTokenResponse(as, client, response);
    return tokens.access_token === before.access_token ? "nothing new" : `renewed: ${tokens.scope}`;
  },

  async disconnect() {
    const response = await oauth.revocationRequest(as, client, oauth.None(), tokens.refresh_token, loopback);
    await oauth.processRevocationResponse(response);
    return "disconnected";
  },
};

async function perform(name) {
  const output = document.querySelector("output");
  output.textContent = "working";
  try {
    output.textContent = await actions[name]();
  } catch (error) {
    output.textContent = `refused: ${error.error ?? error.name}`;
  }
}

as = await oauth.processDiscoveryResponse(
  new URL(issuer),
  await oauth.discoveryRequest(new URL(issuer), { algorithm: "oauth2", ...loopback }),
);
for (const button of document.querySelectorAll("button")) {
  button.addEventListener("click", () => perform(button.id));
}
document.querySelector("output").textContent = "ready";
if (new URLSearchParams(location.search).has("state")) await perform("connected");
