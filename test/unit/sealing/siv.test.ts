// AES-CMAC and AES-SIV, by the test vectors of their RFCs.

import { createCipheriv, createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Cmac, Siv } from '../../../src/sealing/siv.ts'

const TEXT_4493 =
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
  '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710'

describe('AES-CMAC', () => {
  const mac = new Cmac(key('2b7e151628aed2a6abf7158809cf4f3c'))

  it.each([
    [0, 'bb1d6929e95937287fa37d129b756746'],
    [16, '070a16b46b4d4144f79bdd9dd04a287c'],
    [40, 'dfa66747de9ae63030ca32611497c827'],
    [64, '51f0bebf7e3b9d92fc49741779363cfe'],
    [0, 'bb1d6929e95937287fa37d129b756746'],
  ])('of %i bytes is that of RFC 4493 section 4', (bytes, expected) => {
    expect(mac.of(hex(TEXT_4493).subarray(0, bytes)).toString('hex')).toBe(expected)
  })

  it('of one text does not depend on those before it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 80 })),
        fc.uint8Array({ maxLength: 80 }),
        (before, text) => {
          for (const other of before) mac.of(other)
          expect(mac.of(text)).toEqual(new Cmac(key('2b7e151628aed2a6abf7158809cf4f3c')).of(text))
        },
      ),
    )
  })
})

describe('AES-SIV', () => {
  // RFC 5297 appendix A.1.
  it('of a short text is that of the RFC', () => {
    const siv = new Siv(key('fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0'), key('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'))
    const context = siv.context([hex('101112131415161718191a1b1c1d1e1f2021222324252627')])
    const sealed = siv.seal(context, hex('112233445566778899aabbccddee'))
    expect(sealed.toString('hex')).toBe('85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c')
    expect(siv.open(context, sealed)?.toString('hex')).toBe('112233445566778899aabbccddee')
  })

  // RFC 5297 appendix A.2.
  it('of a long text with several texts around it is that of the RFC', () => {
    const siv = new Siv(key('7f7e7d7c7b7a79787776757473727170'), key('404142434445464748494a4b4c4d4e4f'))
    const context = siv.context([
      hex('00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100'),
      hex('102030405060708090a0'),
      hex('09f911029d74e35bd84156c5635688c0'),
    ])
    const plain =
      '7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553'
    const sealed = siv.seal(context, hex(plain))
    expect(sealed.toString('hex')).toBe(
      '7bdb6e3b432667eb06f4d14bff2fbd0f' +
        'cb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d',
    )
    expect(siv.open(context, sealed)?.toString('hex')).toBe(plain)
  })

  it('with keys of 32 bytes encrypts as OpenSSL does in counter mode, from the IV without two bits', () => {
    const [macKey, encryptionKey] = [createSecretKey(randomBytes(32)), createSecretKey(randomBytes(32))]
    const siv = new Siv(macKey, encryptionKey)
    const context = siv.context([])
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (plain) => {
        const sealed = siv.seal(context, plain)
        const counter = Buffer.from(sealed.subarray(0, 16))
        counter[8] = (counter[8] ?? 0) & 0x7f
        counter[12] = (counter[12] ?? 0) & 0x7f
        const cipher = createCipheriv('aes-256-ctr', encryptionKey, counter)
        expect(sealed.subarray(16)).toEqual(cipher.update(plain))
        expect(siv.open(context, sealed)).toEqual(Buffer.from(plain))
      }),
    )
  })

  it('opens nothing that is shorter than its IV, nor what another context sealed', () => {
    const siv = new Siv(key('fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0'), key('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff'))
    const [one, other] = [siv.context([hex('01')]), siv.context([hex('02')])]
    expect(siv.open(one, Buffer.alloc(15))).toBeNull()
    expect(siv.open(other, siv.seal(one, hex('1122')))).toBeNull()
    expect(siv.open(one, siv.seal(one, hex('')))).toEqual(Buffer.alloc(0))
  })
})

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}

function key(text: string) {
  return createSecretKey(hex(text))
}
