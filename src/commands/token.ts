// `kafka-sse token`: prints a token, and nothing else, to standard output. Its options are those of `jwt encode`, so
// that the tutorial's commands work with either program.

import type { ParseArgsConfig } from 'node:util'
import { EXIT_DONE } from '../app/exit.ts'
import {
  DEMO_AUDIENCE,
  DEMO_ISSUER,
  DEMO_KEY_ID,
  DEMO_SCOPE,
  DEMO_SUBJECT,
  DEMO_TOKEN_SECONDS,
  PRIVATE_KEY_FILE,
} from '../demo/identity.ts'
import { mintToken, readSigningKey, type TokenClaims } from '../demo/token.ts'
import { quoted } from '../text/quoted.ts'
import { isAlgorithm } from '../token/key-setting.ts'
import { type Given, runCommand } from './command-line.ts'

const HELP = `kafka-sse token [options]

Prints a token for the demo in this folder, signed with ./${PRIVATE_KEY_FILE}.

  --exp +30s | +1h | EPOCH  expiry: +N with s, m, h or d, or seconds since 1970 (default +${DEMO_TOKEN_SECONDS}s)
  --sub NAME                subject (default ${DEMO_SUBJECT})
  --scope SCOPES            scopes, separated by spaces (default ${DEMO_SCOPE})
  --iss URL                 issuer (default ${DEMO_ISSUER})
  --aud NAME                audience (default ${DEMO_AUDIENCE})
  --kid NAME                key id (default ${DEMO_KEY_ID})
  --payload NAME=VALUE      any other claim; the value may be JSON; may be repeated
  --no-iat                  leave out iat, the time of issue
  --secret @FILE            private key in PEM (default @${PRIVATE_KEY_FILE})
  --alg NAME                algorithm, which must fit the key (default RS256)
`

const OPTIONS = {
  exp: { type: 'string', default: `+${DEMO_TOKEN_SECONDS}s` },
  sub: { type: 'string', default: DEMO_SUBJECT },
  scope: { type: 'string', default: DEMO_SCOPE },
  iss: { type: 'string', default: DEMO_ISSUER },
  aud: { type: 'string', default: DEMO_AUDIENCE },
  kid: { type: 'string', default: DEMO_KEY_ID },
  payload: { type: 'string', multiple: true, default: [] },
  'no-iat': { type: 'boolean', default: false },
  secret: { type: 'string', default: `@${PRIVATE_KEY_FILE}` },
  alg: { type: 'string', default: 'RS256' },
} satisfies ParseArgsConfig['options']

/** Seconds of each unit of `--exp +N`. */
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

export async function token(args: string[], _env: NodeJS.ProcessEnv): Promise<number> {
  return runCommand({ help: HELP, options: OPTIONS }, args, async ({ values }) => {
    process.stdout.write(`${await encode(values, Math.floor(Date.now() / 1000))}\n`)
    return EXIT_DONE
  })
}

type Values = Given<typeof OPTIONS>['values']

async function encode(values: Values, nowSeconds: number): Promise<string> {
  if (!values.secret.startsWith('@')) throw new Error('--secret is @ and the path of a private key in PEM')
  if (!isAlgorithm(values.alg)) throw new Error(`--alg ${values.alg} is not for private keys in PEM`)
  const key = await readSigningKey(values.secret.slice(1))
  const claims: TokenClaims = {
    iss: values.iss,
    aud: values.aud,
    sub: values.sub,
    exp: expiry(values.exp, nowSeconds),
    ...(values['no-iat'] ? {} : { iat: nowSeconds }),
    scope: values.scope,
    ...Object.fromEntries(values.payload.map(claim)),
  }
  const contents = { key, algorithm: values.alg, keyId: values.kid, claims }
  return mintToken(contents).catch(() => {
    throw new Error(`--alg ${values.alg} does not fit the key in ${values.secret.slice(1)}`)
  })
}

function expiry(text: string, nowSeconds: number): number {
  const [, amount, unit = 's'] = /^\+(\d{1,10})([smhd])?$/.exec(text) ?? []
  if (amount !== undefined) return nowSeconds + Number(amount) * (UNIT_SECONDS[unit] ?? 1)
  if (/^\d{1,12}$/.test(text)) return Number(text)
  throw new Error(`--exp is +30s, +1h or seconds since 1970, not ${quoted(text)}`)
}

function claim(text: string): [string, unknown] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new Error(`--payload is NAME=VALUE, not ${quoted(text)}`)
  return [text.slice(0, equals), jsonOr(text.slice(equals + 1))]
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
