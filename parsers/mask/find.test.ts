import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findPii, type PiiKind, piiKinds } from './find.ts'
import { labelled } from './labelled.ts'

const all = new Set<PiiKind>(piiKinds)
const NOW = Date.UTC(2026, 10, 22)
const show = (text: string, kinds: ReadonlySet<PiiKind> = all) =>
  findPii(text, kinds, NOW).map(({ kind, start, end }) => `${kind} ${text.slice(start, end)}`)

test.each([
  ['with a hyphen', '주민번호 900101-1234568 확인', '900101-1234568'],
  ['without', 'rrn=9001011234568', '9001011234568'],
  ['born in this century', '050315-3216543', '050315-3216543'],
  ['of a foreigner, whose check digit is another', '850712-5123451', '850712-5123451'],
  ['given since October 2020, without check digit', '210505-4123450', '210505-4123450'],
])('finds a resident number %s', (_why, text, number) => expect(show(text)).toEqual([`rrn ${number}`]))

test.each([
  ['with a wrong check digit', '900101-1234567'],
  ['of month 13', '901301-1234568'],
  ['of 30 February', '900230-1234560'],
  ['of somebody not born yet', '271231-3123456'],
  ['given since October 2020 and without hyphen: any 13 digits', '2105054123450'],
  ['with a digit more', '900101-12345680'],
  ['with a letter behind', '900101-1234568a'],
  ['inside a longer number', '1900101-1234568'],
  ['inside a decimal', '0.900101-1234568'],
  ['with nine for a century', '900101-9234568'],
])('leaves what is no resident number: %s', (_why, text) => expect(show(text, new Set(['rrn']))).toEqual([]))

test.each([
  ['Visa', '4111111111111111'],
  ['in groups', '5555 5555 5555 4444'],
  ['with hyphens', '3530-1113-3330-0000'],
  ['American Express', '3782 822463 10005'],
  ['Diners Club', '30569309025904'],
])('finds a card number: %s', (_why, number) => expect(show(`pan=${number};`)).toEqual([`card ${number}`]))

test.each([
  ['wrong check digit', '4111111111111112'],
  ['a beginning no scheme has', '1234567812345670'],
  ['Visa with a length it has not', '411111111111117'],
  ['two kinds of separators', '4111-1111 1111-1111'],
  ['one digit all through', '4444444444444444'],
  ['part of a word', 'id4111111111111111'],
  ['more digits behind a point', '4111111111111111.5'],
])('leaves what is no card number: %s', (_why, text) => expect(show(text, new Set(['card']))).toEqual([]))

test.each([
  ['010-1234-5678', '821012345678'],
  ['01012345678', '821012345678'],
  ['010.1234.5678', '821012345678'],
  ['+82-10-1234-5678', '821012345678'],
  ['+82 (0)10-1234-5678', '821012345678'],
  ['+821012345678', '821012345678'],
  ['0082 10 1234 5678', '821012345678'],
  ['02-312-4567', '8223124567'],
  ['(031) 123-4567', '82311234567'],
  ['070-7123-4567', '827071234567'],
  ['+1 415-555-2671', '14155552671'],
  ['+44 20 7946 0958', '442079460958'],
])('finds the telephone number %s, and knows all its forms as one', (text, digits) => {
  expect(findPii(`전화 ${text}입니다`, all, NOW)).toEqual([
    { kind: 'phone', start: 3, end: 3 + text.length, value: digits },
  ])
})

test.each([
  ['a company', '1588-1234'],
  ['an address of the network', '10.123.4567.8'],
  ['an area that does not exist', '09-123-4567'],
  ['no separator in a fixed line', '0212345678'],
  ['a zone', '2026-11-22T10:00:00+0900'],
  ['a country that does not exist', '+83 12345678'],
  ['a plus in a sum', '7+8210'],
  ['inside a longer number', '12010-1234-56789'],
  ['a version', '1.02-1234-5678'],
])('leaves what is no telephone number: %s', (_why, text) => expect(show(text, new Set(['phone']))).toEqual([]))

test.each([
  ['plain', 'from=<mina.kim@example.co.kr>', 'mina.kim@example.co.kr'],
  ['in a query', 'GET /?mail=mina%40example.com&x=1', 'mina%40example.com'],
  ['escaped before', 'q%3Dmina%40example.com', 'mina%40example.com'],
  ['with a tag', 'to mina+log@example.com.', 'mina+log@example.com'],
  ['beside Hangul', '메일mina@example.com으로', 'mina@example.com'],
  ['in an international domain', 'x@xn--3e0b707e.xn--3e0b707e', 'x@xn--3e0b707e.xn--3e0b707e'],
])('finds an e-mail address: %s', (_why, text, address) => expect(show(text)).toEqual([`email ${address}`]))

test.each([
  ['a unit', 'getty@tty1.service'],
  ['a picture', 'logo@2x.png'],
  ['a package', 'left-pad@1.3.0'],
  ['an algorithm', 'chacha20-poly1305@openssh.com'],
  ['no domain', 'root@localhost'],
  ['an address of the network', 'root@10.0.0.1'],
  ['nothing before', '@example.com'],
  ['a point at the end', 'mina.@example.com'],
  ['two points', 'mina@example..com'],
  ['longer than an address', `${'a'.repeat(65)}@example.com`],
])('leaves what is no e-mail address: %s', (_why, text) => expect(show(text)).toEqual([]))

test('rules that are not asked for find nothing', () => {
  expect(show('010-1234-5678 mina@example.com 900101-1234568', new Set(['card']))).toEqual([])
})

test('precision and recall on the labelled lines, per kind', () => {
  for (const kind of piiKinds) {
    let [hits, wanted, given] = [0, 0, 0]
    const missed: string[] = []
    for (const { text, pii } of labelled) {
      const expected = pii.filter(([k]) => k === kind).map(([, value]) => value)
      const got = show(text)
        .filter((one) => one.startsWith(kind))
        .map((one) => one.slice(kind.length + 1))
      const right = got.filter((one) => expected.includes(one)).length
      hits += right
      wanted += expected.length
      given += got.length
      if (right !== expected.length || right !== got.length) missed.push(`${text} -> ${got.join(', ')}`)
    }
    console.info(`${kind}: precision ${(hits / given).toFixed(3)}, recall ${(hits / wanted).toFixed(3)} of ${wanted}`)
    expect(wanted).toBeGreaterThanOrEqual(15)
    expect(hits / wanted, missed.join('\n')).toBeGreaterThanOrEqual(0.93)
    expect(hits / given, missed.join('\n')).toBeGreaterThanOrEqual(0.93)
  }
})

test('any text: found places are in order, inside, and do not overlap', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom('010-1234-5678', '4111 1111 1111 1111', '900101-1234568', 'a@b.co', '%40', '@', '+', '-', '(', '1'),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('')
      let end = 0
      for (const one of findPii(text, all, NOW)) {
        expect(one.start).toBeGreaterThanOrEqual(end)
        expect(one.end).toBeGreaterThan(one.start)
        end = one.end
      }
      expect(end).toBeLessThanOrEqual(text.length)
    }),
    { numRuns: 4000, interruptAfterTimeLimit: 4000 },
  )
})

test('hostile texts of a mebibyte do not hold anybody up', () => {
  const hostile = [
    '@',
    '1',
    '+1',
    'a@',
    '%40',
    '010-',
    '1 ',
    '(',
    '+82 ',
    '4111 ',
    'a.',
    '900101-',
    '1-1.',
    'a@b.',
    '+1 (2) ',
  ]
  for (const piece of hostile) {
    const start = performance.now()
    findPii(piece.repeat(2 ** 20 / piece.length), all, NOW)
    // what takes time square to the length would take minutes
    expect(performance.now() - start, piece).toBeLessThan(5000)
  }
})
