// oidc-provider's storage in memory, without a bound: the adapter it comes with keeps the newest thousand
// entries and is meant for development. Nothing is ever removed but what the server removes.
export function memory() {
  const rows = new Map()
  const sessions = new Map() // uid -> id
  const grants = new Map() // grant id -> keys of what it gave

  return class Memory {
    constructor(model) {
      this.prefix = `${model}:`
      this.isSession = model === "Session"
    }

    async upsert(id, payload) {
      const key = this.prefix + id
      if (this.isSession) sessions.set(payload.uid, id)
      if (payload.grantId) {
        const given = grants.get(payload.grantId)
        if (given) given.push(key)
        else grants.set(payload.grantId, [key])
      }
      rows.set(key, payload)
    }

    async find(id) {
      return rows.get(this.prefix + id)
    }

    async findByUid(uid) {
      return this.find(sessions.get(uid))
    }

    async findByUserCode() {
      return undefined // the device grant is off
    }

    async consume(id) {
      rows.get(this.prefix + id).consumed = Math.floor(Date.now() / 1000)
    }

    async destroy(id) {
      rows.delete(this.prefix + id)
    }

    async revokeByGrantId(grantId) {
      for (const key of grants.get(grantId) ?? []) rows.delete(key)
      grants.delete(grantId)
    }
  }
}
