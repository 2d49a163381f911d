// Web servers, proxies, DNS, firewalls: the W3C extended log names and common short names to ECS.
// Sources: W3C Extended Log File Format, ECS 9 field list, Zeek's log field reference.

import { type FieldTable, fields } from './table.ts'

const web = fields(`
c-ip: source.ip client.ip source.address
c-useragent: user_agent.original
cs-user-agent: user_agent.original
c-uri: url.original url.full url.path
cs-uri: url.original url.full url.path
c-uri-query: url.query
cs-uri-query: url.query url.original
cs-uri-stem: url.path url.original
c-uri-stem: url.path url.original
c-uri-extension: url.extension
cs-method: http.request.method
cs-host: url.domain destination.domain http.request.headers.host
cs-cookie: http.request.headers.cookie
cs-referer: http.request.referrer
cs-referrer: http.request.referrer
cs-username: user.name
cs-bytes: http.request.bytes source.bytes
cs-version: http.version
cs-content-type: http.request.mime_type
sc-status: http.response.status_code
sc-bytes: http.response.bytes destination.bytes
s-ip: destination.ip server.ip
s-port: destination.port
s-computername: host.name
r-dns: destination.domain url.domain
src_ip: source.ip
dst_ip: destination.ip
`)

const flow = fields(`
src_ip: source.ip
src_port: source.port
dst_ip: destination.ip
dst_port: destination.port
action: event.action event.outcome
blocked: event.outcome
user: user.name
username: user.name
query: dns.question.name
query_etld_plus_one: dns.question.registered_domain
parent_domain: dns.question.registered_domain
record_type: dns.question.type
answer: dns.answers.data
answers: dns.answers.data
ttl: dns.answers.ttl
`)

export const networkTables: readonly FieldTable[] = [
  { when: { category: 'webserver' }, vendor: ['iis.access', 'apache.access', 'nginx.access'], fields: web },
  { when: { category: 'proxy' }, fields: web },
  { when: { category: 'dns' }, fields: flow },
  { when: { category: 'firewall' }, fields: flow },
  { when: { category: 'network' }, fields: flow },
  { when: { category: 'authentication' }, fields: flow },
  {
    when: { category: 'antivirus' },
    fields: fields(`
Signature: threat.indicator.name rule.name threat.software.name
Filename: file.path file.name
FileName: file.path file.name
`),
  },
  {
    when: { product: 'zeek' },
    vendor: ['zeek'],
    fields: fields(`
query: dns.question.name zeek.dns.query
qtype_name: dns.question.type zeek.dns.qtype_name
answers: dns.answers.data zeek.dns.answers
id.orig_h: source.ip source.address
id.orig_p: source.port
id.resp_h: destination.ip destination.address
id.resp_p: destination.port
user_agent: user_agent.original zeek.http.user_agent
c-useragent: user_agent.original
uri: url.original url.path zeek.http.uri
c-uri: url.original url.path
host: url.domain zeek.http.host
method: http.request.method zeek.http.method
http.method: http.request.method
status_code: http.response.status_code zeek.http.status_code
path: file.path zeek.smb_files.path
name: file.name zeek.smb_files.name
operation: event.action zeek.dce_rpc.operation
endpoint: zeek.dce_rpc.endpoint
request_type: zeek.kerberos.request_type
cipher: zeek.kerberos.cipher
service: zeek.kerberos.service
certificate.serial: zeek.x509.certificate.serial
`),
  },
  {
    when: { product: 'fortigate' },
    vendor: ['fortinet.firewall', 'fortinet'],
    fields: fields('action: event.action fortinet.firewall.action'),
  },
  {
    when: { product: 'cisco' },
    vendor: ['cisco', 'cisco.ios', 'cisco.duo', 'cisco_duo'],
    fields: fields('event_type: event.action'),
  },
]
