// What the stories share: what they are given, the person at the other end of stdin and stdout, and the way
// from the issuer to a link and from the answer to a token. Every check is the library's.
import { createInterface } from "node:readline";
import * as oauth from "../../npm/node_modules/oauth4webapi/build/index.js";

export { oauth };
export const given = JSON.parse(process.argv[2]);
export const loopback = { [oauth.allowInsecureRequests]: true };

const lines = createInterface({ input: process.stdin });
const answers = lines[Symbol.asyncIterator]();

/** The person opens the link and presses "allow" or "deny": the address they come back with. */
export async function person(press, link) {
  console.log(JSON.stringify({ press, link: link.href }));
  return new URL(JSON.parse((await answers.next()).value).callback);
}

/** The end: what happened, for the test to judge. */
export function tell(facts) {
  console.log(JSON.stringify({ facts }));
  lines.close();
}

/** What the library says instead of a result. */
export async function refusal(attempt) {
  try {
    await attempt();
  } catch (error) {
    const { name, code, message, status, cause } = error;
    const challenges = name === "WWWAuthenticateChallengeError" ? cause.map((one) => one.scheme) : undefined;
    return { name, code, message, status, challenges, error: error.error, description: error.error_description };
  }
  throw new Error("nothing was refused");
}

export async function discover(issuer) {
  const url = new URL(issuer);
  return oauth.processDiscoveryResponse(
    url,
    await oauth.discoveryRequest(url, { algorithm: "oauth2", ...loopback }),
  );
}

const key = given.private_jwk && {
  key: await crypto.subtle.importKey(
    "jwk", given.private_jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"],
  ),
  kid: given.private_jwk.kid,
};

export function proof() {
  const { auth_method: method, client_secret: secret } = given;
  if (method === "private_key_jwt") return oauth.PrivateKeyJwt(key);
  if (method === "none") return oauth.None();
  return method === "client_secret_post" ? oauth.ClientSecretPost(secret) : oauth.ClientSecretBasic(secret);
}

/** The link, and what the client has to remember until the answer. */
export async function question(as, client) {
  const [state, verifier] = [oauth.generateRandomState(), oauth.generateRandomCodeVerifier()];
  const link = new URL(as.authorization_endpoint);
  link.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: given.redirect_uri,
    response_type: "code",
    scope: given.scope,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  return { link, state, verifier };
}

export async function exchange(as, client, parameters, verifier) {
  const response = await oauth.authorizationCodeGrantRequest(
    as, client, proof(), parameters, given.redirect_uri, verifier, loopback,
  );
  return oauth.processAuthorizationCodeResponse(as, client, response);
}

export async function renew(as, client, token) {
  const response = await oauth.refreshTokenGrantRequest(as, client, proof(), token, loopback);
  return oauth.processRefreshTokenResponse(as, client, response);
}

export async function introspect(as, client, token) {
  const response = await oauth.introspectionRequest(as, client, proof(), token, loopback);
  return oauth.processIntrospectionResponse(as, client, response);
}
