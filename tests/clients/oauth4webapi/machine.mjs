// A machine asks for itself.
import { discover, given, introspect, loopback, oauth, proof, refusal, tell } from "./story.mjs";

const as = await discover(given.issuer);
const client = { client_id: given.client_id };
const ask = async (parameters) =>
  oauth.processClientCredentialsResponse(
    as,
    client,
    await oauth.clientCredentialsGrantRequest(as, client, proof(), parameters, loopback),
  );

const token = await ask({ scope: given.scope });
tell({
  token,
  looked: await introspect(as, client, token.access_token),
  "too much": await refusal(() => ask({ scope: "photos:delete" })),
});
