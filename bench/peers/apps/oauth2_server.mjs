// @node-oauth/oauth2-server in express, with a plain model in memory, as its documentation sketches it: a kit of
// handlers, without OpenID Connect, introspection, metadata or JWTs. About the least that such a server can do.
// `PEER` (JSON) says on which port and for which client.
import { randomUUID, timingSafeEqual } from "node:crypto"
import OAuthServer from "@node-oauth/express-oauth-server"
import express from "express"

const peer = JSON.parse(process.env.PEER)
const client = {
  id: peer.client_id,
  redirectUris: [peer.redirect_uri],
  grants: ["authorization_code", "refresh_token", "client_credentials"],
}
const secret = Buffer.from(peer.client_secret)
const sessions = new Map() // what the cookie says -> person
const codes = new Map()
const accessTokens = new Map()
const refreshTokens = new Map()

function isSecret(given) {
  const bytes = Buffer.from(given)
  return bytes.length === secret.length && timingSafeEqual(bytes, secret)
}

const model = {
  async getClient(id, given) {
    // At the authorization endpoint nothing is given, and null is passed.
    return id === client.id && (given === null || isSecret(given ?? "")) ? client : undefined
  },
  async saveAuthorizationCode(code, itsClient, user) {
    const row = { ...code, client: itsClient, user }
    codes.set(code.authorizationCode, row)
    return row
  },
  async getAuthorizationCode(code) {
    return codes.get(code)
  },
  async revokeAuthorizationCode({ authorizationCode }) {
    return codes.delete(authorizationCode)
  },
  async saveToken(token, itsClient, user) {
    const row = { ...token, client: itsClient, user }
    accessTokens.set(token.accessToken, row)
    if (token.refreshToken) refreshTokens.set(token.refreshToken, row)
    return row
  },
  async getAccessToken(token) {
    return accessTokens.get(token)
  },
  async getRefreshToken(token) {
    return refreshTokens.get(token)
  },
  async revokeToken({ accessToken, refreshToken }) {
    accessTokens.delete(accessToken)
    return refreshTokens.delete(refreshToken)
  },
  async getUserFromClient({ id }) {
    return { id }
  },
  async validateScope(_user, _client, scope) {
    return scope?.every((one) => one === peer.scope) ? scope : false
  },
}

const oauth = new OAuthServer({ model, accessTokenLifetime: 600, authorizationCodeLifetime: 60 })
const app = express()
app.disable("etag")
app.disable("x-powered-by")

app.get("/login", (request, response) => {
  const id = randomUUID()
  sessions.set(id, { id: request.query.person })
  response.cookie("session", id, { httpOnly: true, sameSite: "lax" }).send("signed in")
})

// Consent is given: whoever is signed in leaves with a code.
const whoIsSignedIn = {
  handle: (request) => sessions.get(/(?:^|; )session=([^;]*)/.exec(request.headers.cookie ?? "")?.[1]),
}
const form = express.urlencoded({ extended: false })
const noForm = (request, _response, next) => { // the library reads `body` even where none is sent
  request.body = {}
  next()
}
app.get("/authorize", noForm, oauth.authorize({ authenticateHandler: whoIsSignedIn }))
app.post("/token", form, oauth.token())
app.listen(peer.port, "127.0.0.1")
