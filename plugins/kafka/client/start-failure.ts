// Why a client of librdkafka was not made, in librdkafka's own words. node-rdkafka keeps the second of the parts that
// colons separate, in small letters: "aws_msk_iam" of "Unsupported SASL mechanism: AWS_MSK_IAM".

import { nativeOf } from './new-client.ts'

/** Runs `connect` of a node-rdkafka client; its rejection has the whole reason for its message. */
export async function wholeReason<T>(
  client: { getClient(): unknown },
  connect: () => Promise<T>,
  redact: (text: string) => string,
): Promise<T> {
  const native = nativeOf(client)
  const own = native.connect
  let reason = ''
  native.connect = (callback) =>
    own.call(native, (error, value) => {
      reason = messageOf(error)
      callback(error, value)
    })
  try {
    return await connect()
  } catch (error) {
    throw reason === '' ? error : new Error(redact(reason))
  } finally {
    native.connect = own
  }
}

/** The native error is no Error, but an object with a message. */
function messageOf(error: unknown): string {
  const { message }: { readonly message?: unknown } = Object(error)
  return typeof message === 'string' ? message : ''
}
