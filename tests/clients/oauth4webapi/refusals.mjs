// Everything that must not work, and who notices: the library or the server.
import { discover, exchange, given, oauth, person, question, refusal, tell } from "./story.mjs";

const as = await discover(given.issuer);
const client = { client_id: given.client_id };
const check = (callback, state, server = as) =>
  refusal(async () => oauth.validateAuthResponse(server, client, callback, state));

const denied = await question(as, client);
const no = await person("deny", denied.link);

const asked = await question(as, client);
const yes = await person("allow", asked.link);
const nameless = new URL(yes);
nameless.searchParams.delete("iss");
const facts = {
  no: await check(no, denied.state),
  "another state": await check(yes, oauth.generateRandomState()),
  "another issuer": await check(yes, asked.state, { ...as, issuer: "https://id.example" }),
  "no issuer": await check(nameless, asked.state),
  "another issuer's metadata": await refusal(async () => {
    const response = await fetch(`${given.issuer}/.well-known/oauth-authorization-server`);
    return oauth.processDiscoveryResponse(new URL("https://id.example"), response);
  }),
};

const parameters = oauth.validateAuthResponse(as, client, yes, asked.state);
const redeem = (verifier) => exchange(as, client, parameters, verifier);
facts["another verifier"] = await refusal(() => redeem(oauth.generateRandomCodeVerifier()));
const secret = given.client_secret;
given.client_secret = "guessed";
facts["a guessed secret"] = await refusal(() => redeem(asked.verifier));
given.client_secret = secret;
facts.token = await redeem(asked.verifier);
facts["the same code"] = await refusal(() => redeem(asked.verifier));

tell(facts);
