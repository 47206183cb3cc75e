// One life of a token: asked for, used at the API, looked at, renewed, given back.
import {
  discover, exchange, given, introspect, loopback, oauth, person, proof, question, refusal, renew, tell,
} from "./story.mjs";

const as = await discover(given.issuer);
const client = { client_id: given.client_id };

const { link, state, verifier } = await question(as, client);
const callback = await person("allow", link);
const parameters = oauth.validateAuthResponse(as, client, callback, state);
const first = await exchange(as, client, parameters, verifier);

const photos = await oauth.protectedResourceRequest(
  first.access_token, "GET", new URL(`${given.api}/photos`), undefined, undefined, loopback,
);
const looked = given.auth_method === "none" ? null : await introspect(as, client, first.access_token);
const second = await renew(as, client, first.refresh_token);

await oauth.processRevocationResponse(
  await oauth.revocationRequest(as, client, proof(), second.refresh_token, {
    additionalParameters: { token_type_hint: "refresh_token" },
    ...loopback,
  }),
);
const afterwards = given.auth_method === "none" ? null : await introspect(as, client, second.access_token);
const refused = await refusal(() => renew(as, client, second.refresh_token));

tell({ as, first, photos: photos.status, looked, second, afterwards, refused });
