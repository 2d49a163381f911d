// Linux and macOS: Sysmon's names for processes, files and connections; auditd's own names.
// Sources: Sysmon for Linux schema, the Linux audit field dictionary, ECS 9 field list.

import { type FieldTable, fields } from './table.ts'

const common = fields(`
Image: process.executable
ProcessId: process.pid
ProcessGuid: process.entity_id
CommandLine: process.command_line
CurrentDirectory: process.working_directory
User: user.name
LogonId: winlog.event_data.LogonId
OriginalFileName: process.pe.original_file_name
ParentImage: process.parent.executable
ParentProcessId: process.parent.pid
ParentCommandLine: process.parent.command_line
ParentUser: process.parent.user.name
TargetFilename: file.path
DestinationHostname: destination.domain
DestinationIp: destination.ip
DestinationPort: destination.port
SourceIp: source.ip
SourcePort: source.port
Protocol: network.transport
Initiated: network.initiated
`)

export const unixTables: readonly FieldTable[] = [
  { when: { product: 'linux' }, vendor: ['winlog.event_data', 'auditd.log'], fields: common },
  { when: { product: 'macos' }, vendor: ['winlog.event_data'], fields: common },
  {
    when: { product: 'linux', service: 'auditd' },
    vendor: ['auditd.log', 'auditd.data', 'auditd.paths'],
    fields: fields(`
type: auditd.log.record_type auditd.message_type event.action
name: auditd.log.name auditd.paths.name file.path
exe: process.executable
comm: process.name
cwd: process.working_directory
pid: process.pid
ppid: process.parent.pid
uid: user.id
euid: user.effective.id
auid: user.audit.id
gid: group.id
SYSCALL: auditd.log.syscall auditd.data.syscall
syscall: auditd.log.SYSCALL auditd.data.syscall
a0: auditd.log.a0 process.args.0
a1: auditd.log.a1 process.args.1
a2: auditd.log.a2 process.args.2
a3: auditd.log.a3 process.args.3
a4: auditd.log.a4 process.args.4
a5: auditd.log.a5 process.args.5
a6: auditd.log.a6 process.args.6
a7: auditd.log.a7 process.args.7
cmdline: process.command_line
proctitle: process.title process.command_line
key: auditd.log.key auditd.summary.how tags
addr: source.ip
hostname: source.domain
acct: user.name
`),
  },
  {
    when: { product: 'linux', service: 'auth' },
    fields: fields(`
pam_message: message
pam_user: user.name
pam_rhost: source.ip source.address source.domain
`),
  },
  { when: { product: 'linux', service: 'sudo' }, fields: fields('USER: user.effective.name user.target.name') },
]
