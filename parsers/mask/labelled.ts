// Lines made for the precision and recall of the masking rules: who made them says what in them is personal data. About
// half of the lines hold none, and things that look like it.

import type { PiiKind } from './find.ts'

export interface Labelled {
  readonly text: string
  readonly pii: readonly (readonly [PiiKind, string])[]
}

/** Check digits of the rows below are computed, so that a row can be written by date and sex alone. */
function rrn(front: string, back6: string): string {
  const digits = `${front}${back6}`
  let sum = 0
  for (let i = 0; i < 12; i++) sum += Number(digits[i]) * ((i % 8) + 2)
  return `${front}-${back6}${((Number(back6[0]) >= 5 ? 13 : 11) - (sum % 11)) % 10}`
}
function card(start: string): string {
  let sum = 0
  for (let i = 0; i < start.length; i++) {
    const digit = Number(start[start.length - 1 - i]) * (i % 2 === 0 ? 2 : 1)
    sum += digit > 9 ? digit - 9 : digit
  }
  return `${start}${(10 - (sum % 10)) % 10}`
}
const groups = (number: string, by: string) => number.replace(/(\d{4})(?=\d)/g, `$1${by}`)

const residents = [
  rrn('880229', '123456'),
  rrn('750101', '200001'),
  rrn('010415', '312345'),
  rrn('031231', '498765'),
  rrn('920707', '511111'),
  rrn('660606', '622222'),
  rrn('991130', '154321'),
  rrn('550815', '209876'),
  rrn('120312', '300123'),
]
const cards = [
  '411122223333444',
  '540000111122223',
  '352812345678901',
  '37123456789012',
  '622012345678901',
  '946012345678901',
  '601100099013942',
  '36123456789012'.slice(0, 13),
].map(card)
const mobiles = [
  '010-2345-6789',
  '010-987-6543',
  '01098765432',
  '010 1111 2222',
  '011-234-5678',
  '+82-10-3333-4444',
  '+82 10 5555 6666',
  '82-10-7777-8888',
  '+821099990000',
  '02-555-1234',
  '(02) 6677-8899',
  '031-234-5678',
  '064.712.3456',
  '070-8888-1234',
  '+1-202-555-0143',
  '+81 90 1234 5678',
  '+49 30 901820',
  '+14155550100',
]
const mails = [
  'mina@example.com',
  'joon.park@corp.example.co.kr',
  'a_b-c@mail.example.org',
  'help+42@shop.example',
  'KIM@EXAMPLE.COM',
  'x1@y.io',
  'first.last@sub.dept.example.ac.kr',
]

const wrap: Record<PiiKind, readonly ((value: string) => string)[]> = {
  rrn: [
    (v) => `2026-11-22 10:00:00 INFO member join name=김민아 rrn=${v} result=ok`,
    (v) => `{"user":{"id":7,"residentNo":"${v}"},"ts":1795341600123}`,
    (v) => `UPDATE customer SET jumin='${v.replace('-', '')}' WHERE id=1029384756`,
    (v) => `주민등록번호(${v})로 조회했습니다.`,
  ],
  card: [
    (v) => `payment approved pan=${v} amount=120000 seq=0001`,
    (v) => `{"card":"${groups(v, '-')}","cvc":"***","orderId":"ORD-20261122-0001"}`,
    (v) => `POST /pay?no=${v}&mm=12 HTTP/1.1`,
    (v) => `card ${groups(v, ' ')} declined by issuer, code 51`,
  ],
  phone: [
    (v) => `sms sent to ${v} in 132 ms (queue 3)`,
    (v) => `{"phone":"${v}","retry":2}`,
    (v) => `고객 연락처: ${v}, 상담원 12번`,
  ],
  email: [
    (v) => `postfix/smtp[1201]: 4A1B2C3D4E: to=<${v}>, relay=mx.example.net[192.0.2.25]:25, delay=1.2`,
    (v) => `login failed for ${v} from 198.51.100.7`,
    (v) => `GET /reset?email=${v.replace('@', '%40')}&t=1 HTTP/1.1`,
    (v) => `{"to":["${v}"],"id":"msg-1"}`,
  ],
}
const written: Record<PiiKind, (value: string, nth: number) => string> = {
  rrn: (v, nth) => (nth === 2 ? v.replace('-', '') : v),
  card: (v, nth) => (nth === 1 ? groups(v, '-') : nth === 3 ? groups(v, ' ') : v),
  phone: (v) => v,
  email: (v, nth) => (nth === 2 ? v.replace('@', '%40') : v),
}

function rows(kind: PiiKind, values: readonly string[]): Labelled[] {
  return wrap[kind].flatMap((make, nth) =>
    values
      // cards of 14 and 15 digits are not written in fours
      .filter((value) => kind !== 'card' || value.length === 16 || nth === 0 || nth === 2)
      .map((value) => ({ text: make(value), pii: [[kind, written[kind](value, nth)]] as const })),
  )
}

const none = [
  'Nov 22 10:00:00 web-1 sshd[12345]: Accepted publickey for deploy from 203.0.113.9 port 51234 ssh2: ED25519 SHA256:abc',
  'kernel: [1234567.890123] DROP IN=eth0 OUT= MAC=52:54:00:12:34:56:52:54:00:65:43:21:08:00 SRC=198.51.100.7 DST=10.0.0.5 LEN=60',
  '192.0.2.7 - - [22/Nov/2026:10:00:00 +0900] "GET /img/logo@2x.png HTTP/1.1" 200 123456 "-" "Mozilla/5.0"',
  'systemd[1]: Started Getty on tty1 getty@tty1.service and user@1000.service.',
  'kex: algorithm: curve25519-sha256@libssh.org, cipher: chacha20-poly1305@openssh.com MAC: hmac-sha2-256-etm@openssh.com',
  'trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7 took 1795341600123 ns',
  'uuid 550e8400-e29b-41d4-a716-446655440000 request 01J9ZK3Q2W8X7Y6V5T4S3R2Q1P',
  'order 20261122-0000123 tracking 6091234567890 invoice 2026-1122-3344',
  'epoch 1795341600 millis 1795341600123 micros 1795341600123456 nanos 1795341600123456789',
  'version 10.0.19045.3693 build 2026.11.22.1 commit 1234567890abcdef1234567890abcdef12345678',
  'lat=37.566535 lon=126.977969 alt=38.000000 speed=0.000000',
  'audit(1795341600.123:456789): pid=1234 uid=1000 auid=4294967295 ses=4294967295',
  'offset 9007199254740991 size 18446744073709551615 crc 3735928559',
  'call center 1588-1234 or 080-123-4567, ticket INC0012345678',
  'window 10:00-11:00 rate 12-34-56 range 100-200 code 02-12-3456',
  'npm install left-pad@1.3.0 react@19.3.1 @types/node@26.6.6',
  'ssh git@localhost and rsync backup@10.0.0.9:/srv',
  'isbn 978-89-1234-567-8 barcode 8801234567893',
  'temp +23.5C diff +1234567 zone +0900 delta +00:00:01.234567',
  'account 110-123-456789 bank transfer 3333-01-1234567 amount 1,234,567',
  'serial 4111111111111112 card-like 1234567812345678 zeros 0000000000000000',
  'date 20261122 901301-1234567 and 990231-1234567 are no birthdays',
  'session 9f86d081884c7d659a2feaa0c55ad015 counter 000000000000000000042',
  'mac 00:1A:2B:3C:4D:5E ipv6 2001:db8:85a3::8a2e:370:7334 port 65535',
  'W3SVC1 2026-11-22 10:00:00 10.0.0.5 GET /default.htm 80 - 198.51.100.9 200 0 0 15',
]

/** What rules alone get wrong: written oddly, or looking like what it is not. */
const hard: readonly Labelled[] = [
  { text: 'rrn 900101 - 1234568 typed by hand', pii: [['rrn', '900101 - 1234568']] },
  { text: '주민번호 ９００１０１-１２３４５６８', pii: [['rrn', '９００１０１-１２３４５６８']] },
  { text: 'pan 4111.1111.1111.1111', pii: [['card', '4111.1111.1111.1111']] },
  { text: 'sms to 010_1234_5678', pii: [['phone', '010_1234_5678']] },
  { text: 'tel 0215551234 without separators', pii: [['phone', '0215551234']] },
  { text: 'from "mina kim"@example.com', pii: [['email', '"mina kim"@example.com']] },
  { text: 'origin git@github.com:acme/shop.git (push)', pii: [] },
  { text: 'part number 031-200-3000 in stock', pii: [] },
]

export const labelled: readonly Labelled[] = [
  ...rows('rrn', residents),
  ...rows('card', cards),
  ...rows('phone', mobiles),
  ...rows('email', mails),
  ...hard,
  ...none.flatMap((text) => [
    { text, pii: [] },
    { text: `<134>1 2026-11-22T10:00:00.123456+09:00 app-1 svc 4321 - - ${text}`, pii: [] },
  ]),
]
