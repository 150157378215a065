// The text of a ticket: what it grants, encrypted and authenticated (AES-256-GCM). Promise: a ticket has one spelling,
// and one that was changed in any bit, or was made with another secret, is not opened.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { Session } from '../token/session.ts'

/** A browser's page, by the headers of its request. */
export interface TicketOrigin {
  /** null: the request named none, as clients that are no browsers do. */
  readonly origin: string | null
  /** Whether it was the server's own. A browser does not name that one in a GET. */
  readonly isOwn: boolean
}

export interface Ticket {
  readonly session: Session
  /** The stream that it opens: the pattern of its path with the parameters, in one text. */
  readonly stream: string
  /** The page that it was made for. */
  readonly page: TicketOrigin
  readonly expiresAtMs: number
}

export interface OpenedTicket extends Ticket {
  /** Different for each ticket, and tells nothing of it. */
  readonly nonce: string
}

/** A ticket stands in a request line, for which nginx has 8 KiB by default. A session that needs more gets none. */
export const TICKET_CHARACTERS_MAX = 6_000
/** How every ticket begins, so that one can be recognised in a log or a repository. */
export const TICKET_PREFIX = 'kst_'

const CIPHER = 'aes-256-gcm'
/** Of the key: each ticket has its own, so that the 12 bytes of the IV never limit how many tickets there are. */
const SALT_BYTES = 16
const IV_BYTES = 12
const NONCE_BYTES = SALT_BYTES + IV_BYTES
const TAG_BYTES = 16

type TicketJson = Omit<Ticket, 'session'> & {
  readonly session: Omit<Session, 'scopes'> & { readonly scopes: readonly string[] }
}

export class SealedTickets {
  private secrets: readonly Uint8Array[] = []

  /** `secrets`: the first one seals, all of them open. Each has 32 bytes or more. */
  constructor(secrets: readonly Uint8Array[]) {
    this.replace(secrets)
  }

  /** Takes other secrets. */
  replace(secrets: readonly Uint8Array[]): void {
    if (secrets.length === 0) throw new RangeError('there is no secret to seal tickets with')
    this.secrets = secrets
  }

  /** null if it would be longer than TICKET_CHARACTERS_MAX. */
  seal({ session, stream, page, expiresAtMs }: Ticket): string | null {
    const [secret] = this.secrets
    if (secret === undefined) throw new RangeError('there is no secret to seal tickets with')
    const json: TicketJson = {
      session: { ...session, scopes: [...session.scopes] },
      ...{ stream, page, expiresAtMs },
    }
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, keyOf(secret, nonce), ivOf(nonce))
    const parts = [nonce, cipher.update(JSON.stringify(json)), cipher.final(), cipher.getAuthTag()]
    const text = TICKET_PREFIX + Buffer.concat(parts).toString('base64url')
    return text.length > TICKET_CHARACTERS_MAX ? null : text
  }

  /** null for anything that `seal` has not made. */
  open(text: string): OpenedTicket | null {
    if (text.length > TICKET_CHARACTERS_MAX || !text.startsWith(TICKET_PREFIX)) return null
    const bytes = Buffer.from(text.slice(TICKET_PREFIX.length), 'base64url')
    if (TICKET_PREFIX + bytes.toString('base64url') !== text) return null
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return null
    for (const secret of this.secrets) {
      const plain = opened(secret, bytes)
      if (plain !== null) return ticketOf(plain, bytes)
    }
    return null
  }
}

function opened(secret: Uint8Array, bytes: Buffer): Buffer | null {
  const tagAt = bytes.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, keyOf(secret, bytes), ivOf(bytes), { authTagLength: TAG_BYTES })
  decipher.setAuthTag(bytes.subarray(tagAt))
  const plain = decipher.update(bytes.subarray(NONCE_BYTES, tagAt))
  try {
    decipher.final()
    return plain
  } catch {
    return null // the tag is another one: Node tells it by an error without a code
  }
}

function ticketOf(plain: Buffer, bytes: Buffer): OpenedTicket {
  // Its shape is that of `seal`: nothing else has the key, whose derivation names the version of the shape.
  const json = JSON.parse(plain.toString()) as TicketJson
  const session = { ...json.session, scopes: new Set(json.session.scopes) }
  return { ...json, session, nonce: bytes.toString('base64url', 0, NONCE_BYTES) }
}

function keyOf(secret: Uint8Array, nonce: Buffer): Uint8Array {
  const salt = nonce.subarray(0, SALT_BYTES)
  return new Uint8Array(hkdfSync('sha256', secret, salt, 'kafka-sse tickets 1', 32))
}

function ivOf(bytes: Buffer): Buffer {
  return bytes.subarray(SALT_BYTES, NONCE_BYTES)
}
