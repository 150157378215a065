// Why a connection to a URL was not made, in words for an operator, and what to do. Promise: nothing of the URL but its
// protocol is told.

import { errorCode, errorWords } from '../errors.ts'
import { ConnectLate } from './watched-stream.ts'

export interface ConnectionFault {
  readonly words: string
  readonly advice: string | null
}

const INCOMPLETE = 'the chain of its certificate leads to no authority that is known here'
const GIVE_AUTHORITY =
  'give a private authority by --ca; of a public one the server lacks the intermediate: append it to TLS_CERT_FILE'

/** By the codes of Node and OpenSSL. */
const FAULTS: ReadonlyMap<string, ConnectionFault> = new Map([
  ['ENOTFOUND', { words: 'its name is not found', advice: 'see the name, and the DNS of this machine' }],
  ['EAI_AGAIN', { words: 'its name is not found', advice: 'see the name, and the DNS of this machine' }],
  ['ECONNREFUSED', { words: 'nothing listens there', advice: 'see the port, and whether it has started' }],
  ['CERT_HAS_EXPIRED', { words: 'its certificate has expired', advice: 'renew it' }],
  [
    'CERT_NOT_YET_VALID',
    { words: 'its certificate is not valid yet', advice: 'look at the clock of this machine' },
  ],
  ...[
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  ].map((code): [string, ConnectionFault] => [code, { words: INCOMPLETE, advice: GIVE_AUTHORITY }]),
])

export function connectionFault({ protocol }: URL, error: unknown): ConnectionFault {
  const [said = ''] = errorWords(error).split('\n', 1)
  const code = errorCode(error) ?? ''
  if (error instanceof ConnectLate) return { words: said, advice: 'see what firewalls on the way drop' }
  const known = FAULTS.get(code)
  if (known !== undefined) return { ...known, words: `${known.words} (${code})` }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return { words: said, advice: 'issue the certificate for that name, or use one that it has' }
  const words = [said, code].find((text) => text !== '') ?? 'for an unknown reason'
  if (protocol === 'https:' && /WRONG_VERSION_NUMBER|PACKET_LENGTH|EPROTO/.test(code))
    return { words: `it speaks no TLS (${code})`, advice: 'is the URL http://?' }
  if (protocol === 'http:' && (code.startsWith('HPE_') || code === 'ECONNRESET'))
    return { words, advice: 'is the URL https://?' }
  return { words, advice: null }
}
