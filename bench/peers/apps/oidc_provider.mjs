// npm oidc-provider, set up as its documentation advises for production, with storage of our own.
// `PEER` (JSON) says on which port, with how many processes, which client, which keys, which round.
import cluster from "node:cluster"
import http from "node:http"
import Provider from "oidc-provider"
import { memory } from "./oidc_memory.mjs"
import { createTable, postgres } from "./oidc_postgres.mjs"

const peer = JSON.parse(process.env.PEER)
const alike = peer.round === "alike"
const DAY = 86400

// Round "alike": plain OAuth, as Grantway issues it. One API whose tokens are ES256 JWTs, and a second one
// with opaque tokens, asked for by `resource`, so that there is something to introspect.
const apis = {
  [peer.audience]: { accessTokenFormat: "jwt", jwt: { sign: { alg: "ES256" } } },
  [peer.opaque_audience]: { accessTokenFormat: "opaque" },
}
const resourceIndicators = {
  enabled: true,
  defaultResource: () => peer.audience,
  getResourceServerInfo: (_, resource) => ({
    scope: peer.scope, audience: resource, accessTokenTTL: 600, ...apis[resource],
  }),
}

const provider = new Provider(peer.issuer, {
  adapter: peer.database ? postgres(peer.database, peer.pool) : memory(),
  clients: [{
    client_id: peer.client_id,
    client_secret: peer.client_secret,
    redirect_uris: [peer.redirect_uri],
    response_types: ["code"],
    grant_types: ["authorization_code", "refresh_token", "client_credentials"],
    token_endpoint_auth_method: "client_secret_basic",
  }],
  clientDefaults: alike ? { id_token_signed_response_alg: "ES256" } : {},
  jwks: { keys: [alike ? peer.keys.ES256 : peer.keys.RS256] },
  claims: { openid: ["sub"], profile: ["name"] },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, name: `Person ${sub}` }) }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    ...(alike ? { resourceIndicators } : {}),
  },
  // By default only `offline_access` brings a refresh token, and that asks for consent every time.
  issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
  // By default a confidential client's refresh token is replaced late in its life; here at every use.
  rotateRefreshToken: true,
  // Grantway's tokens outlive the browser session; the default reads the session each time.
  ...(alike ? { expiresWithSession: () => false } : {}),
  pkce: { required: () => true },
  ttl: { AccessToken: 600, AuthorizationCode: 60, ClientCredentials: 600, IdToken: 600,
    RefreshToken: DAY, Session: DAY, Grant: DAY, Interaction: 600 },
})

// Whoever `login_hint` names is signed in and has consented to everything: the bench's browsers, at start.
async function signIn(request, response) {
  const { params } = await provider.interactionDetails(request, response)
  const accountId = params.login_hint
  const grant = new provider.Grant({ accountId, clientId: params.client_id })
  grant.addOIDCScope("openid profile")
  for (const resource of Object.keys(apis)) grant.addResourceScope(resource, peer.scope)
  const grantId = await grant.save()
  await provider.interactionFinished(request, response, { login: { accountId }, consent: { grantId } })
}

async function serve() {
  const answer = provider.callback()
  const server = http.createServer((request, response) => {
    if (!request.url.startsWith("/interaction/")) return answer(request, response)
    return signIn(request, response).catch((error) => {
      console.error(error)
      response.writeHead(500).end()
    })
  })
  server.listen(peer.port, "127.0.0.1")
}

if (peer.workers > 1 && cluster.isPrimary) {
  if (peer.database) await createTable(peer.database)
  for (let number = 0; number < peer.workers; number += 1) cluster.fork()
} else {
  if (cluster.isPrimary && peer.database) await createTable(peer.database)
  await serve()
}
