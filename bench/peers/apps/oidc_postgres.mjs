// oidc-provider's storage on PostgreSQL: one table, one named prepared statement a verb, each write its own
// commit. Expired rows stay; a nightly job would remove them.
import pg from "pg"

const TABLE = `
  CREATE TABLE entry (
    model text NOT NULL,
    id text NOT NULL,
    payload json NOT NULL,
    grant_id text,
    uid text,
    consumed_at bigint,
    expires_at bigint,
    PRIMARY KEY (model, id)
  ) WITH (fillfactor = 80);
  CREATE INDEX entry_grant ON entry (grant_id) WHERE grant_id IS NOT NULL;
  CREATE INDEX entry_uid ON entry (uid) WHERE uid IS NOT NULL;
`
const UPSERT = {
  name: "upsert",
  text: `INSERT INTO entry (model, id, payload, grant_id, uid, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at`,
}
const FIND = { name: "find", text: "SELECT payload, consumed_at FROM entry WHERE model = $1 AND id = $2" }
const FIND_BY_UID = {
  name: "find_by_uid", text: "SELECT payload, consumed_at FROM entry WHERE model = $1 AND uid = $2",
}
const CONSUME = { name: "consume", text: "UPDATE entry SET consumed_at = $3 WHERE model = $1 AND id = $2" }
const DESTROY = { name: "destroy", text: "DELETE FROM entry WHERE model = $1 AND id = $2" }
const REVOKE = { name: "revoke", text: "DELETE FROM entry WHERE grant_id = $1" }

export async function createTable(connectionString) {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(TABLE)
  await client.end()
}

const now = () => Math.floor(Date.now() / 1000)

export function postgres(connectionString, max) {
  const pool = new pg.Pool({ connectionString, max })
  const run = (statement, values) => pool.query({ ...statement, values })
  const read = async (statement, values) => {
    const [row] = (await run(statement, values)).rows
    if (!row) return undefined
    return row.consumed_at ? { ...row.payload, consumed: Number(row.consumed_at) } : row.payload
  }

  return class Postgres {
    constructor(model) {
      this.model = model
      // Only sessions and interactions are looked up by their uid.
      this.hasUid = model === "Session" || model === "Interaction"
    }

    async upsert(id, payload, expiresIn) {
      const uid = this.hasUid ? payload.uid : null
      const text = JSON.stringify(payload)
      await run(UPSERT, [this.model, id, text, payload.grantId ?? null, uid, expiresIn ? now() + expiresIn : null])
    }

    async find(id) {
      return read(FIND, [this.model, id])
    }

    async findByUid(uid) {
      return read(FIND_BY_UID, [this.model, uid])
    }

    async findByUserCode() {
      return undefined // the device grant is off
    }

    async consume(id) {
      await run(CONSUME, [this.model, id, now()])
    }

    async destroy(id) {
      await run(DESTROY, [this.model, id])
    }

    async revokeByGrantId(grantId) {
      await run(REVOKE, [grantId])
    }
  }
}
