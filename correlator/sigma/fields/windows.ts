// Windows: Sysmon and Security log names to ECS. Whatever is not named here is looked up under winlog.event_data.
// Sources: Sysmon's event schema, the Security log's event descriptions, ECS 9 field list.

import { type FieldTable, fields } from './table.ts'

const hashes = (object: string) =>
  `MD5=@${object}.hash.md5 SHA1=@${object}.hash.sha1 SHA256=@${object}.hash.sha256 IMPHASH=@${object}.pe.imphash`

export const windowsTables: readonly FieldTable[] = [
  {
    when: { product: 'windows' },
    vendor: ['winlog.event_data', 'winlog.user_data', 'winlog'],
    fields: fields(`
EventID: winlog.event_id event.code
Channel: winlog.channel
Provider_Name: winlog.provider_name event.provider
Provider: winlog.provider_name event.provider
Source: winlog.provider_name event.provider
Computer: winlog.computer_name host.name host.hostname
ComputerName: winlog.computer_name host.name host.hostname
Security_UserID: winlog.user.identifier winlog.user.id
Execution_ProcessID: winlog.process.pid
Keywords: winlog.keywords
Level: winlog.level log.level
Task: winlog.task
Message: message
Image: process.executable
ProcessName: process.executable process.name
ProcessId: process.pid
ProcessGuid: process.entity_id
CommandLine: process.command_line
CurrentDirectory: process.working_directory
User: user.name
OriginalFileName: process.pe.original_file_name file.pe.original_file_name
FileVersion: process.pe.file_version file.pe.file_version
Description: process.pe.description file.pe.description
Product: process.pe.product file.pe.product
Company: process.pe.company file.pe.company
ParentImage: process.parent.executable
ParentProcessName: process.parent.executable
ParentProcessId: process.parent.pid
ParentProcessGuid: process.parent.entity_id
ParentCommandLine: process.parent.command_line
ParentUser: process.parent.user.name
Hashes: ${hashes('process')} ${hashes('file')} ${hashes('dll')}
md5: process.hash.md5 file.hash.md5
sha1: process.hash.sha1 file.hash.sha1
sha256: process.hash.sha256 file.hash.sha256
Imphash: process.pe.imphash file.pe.imphash
TargetFilename: file.path
ImageLoaded: dll.path file.path
Signed: dll.code_signature.exists file.code_signature.exists
Signature: dll.code_signature.subject_name file.code_signature.subject_name
SignatureStatus: dll.code_signature.status file.code_signature.status
TargetObject: registry.path
Details: registry.data.strings
SourceImage: process.executable
PipeName: file.name
QueryName: dns.question.name
QueryResults: dns.answers.data
DestinationHostname: destination.domain
DestinationIp: destination.ip
DestinationPort: destination.port
SourceHostname: source.domain
SourceIp: source.ip
SourcePort: source.port
Protocol: network.transport
Initiated: network.initiated
IpAddress: source.ip
IpPort: source.port
WorkstationName: source.domain
ScriptBlockText: powershell.file.script_block_text
Payload: powershell.command.invocation_details
ServiceName: service.name
`),
  },
  {
    when: { product: 'windows', category: 'process_creation' },
    // Event 4688 of the Security log tells the same with other names.
    fields: fields(`
Image: winlog.event_data.NewProcessName NewProcessName
ParentImage: winlog.event_data.ParentProcessName ParentProcessName
User: winlog.event_data.SubjectUserName SubjectUserName
LogonId: winlog.event_data.SubjectLogonId SubjectLogonId
IntegrityLevel: winlog.event_data.MandatoryLabel MandatoryLabel
`),
  },
  {
    when: { product: 'windows', category: 'registry_set' },
    // Event 4657 of the Security log.
    fields: fields(`
TargetObject: winlog.event_data.ObjectName
Details: winlog.event_data.NewValue
Image: winlog.event_data.ProcessName
`),
  },
  { when: { product: 'windows', category: 'registry_event' }, fields: fields('NewName: registry.path') },
  {
    when: { product: 'windows', service: 'security' },
    fields: fields(`
NewProcessName: process.executable
ProcessName: process.executable
ParentProcessName: process.parent.executable
SubjectUserName: winlog.event_data.SubjectUserName
TargetUserName: winlog.event_data.TargetUserName
`),
  },
]
