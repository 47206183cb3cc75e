// An API that judges our tokens by itself (RFC 9068 §4), with the keys we publish.
import { discover, given, loopback, oauth, refusal, tell } from "./story.mjs";

const as = await discover(given.issuer);
const [header, payload, signature] = given.token.split(".");
const judge = (token, audience, server = as) =>
  oauth.validateJwtAccessToken(
    server,
    new Request(`${audience}/photos`, { headers: { authorization: `Bearer ${token}` } }),
    audience,
    loopback,
  );
const body = JSON.parse(Buffer.from(payload, "base64url"));
const promoted = Buffer.from(JSON.stringify({ ...body, scope: "photos:delete" })).toString("base64url");

tell({
  claims: await judge(given.token, given.api),
  "another audience": await refusal(() => judge(given.token, "https://api.example/other")),
  "another issuer": await refusal(() => judge(given.token, given.api, { ...as, issuer: "https://id.example" })),
  "more scope": await refusal(() => judge(`${header}.${promoted}.${signature}`, given.api)),
});
