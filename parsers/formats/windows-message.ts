// The rendered text of a Windows event back to its fields, where a sender has left only that (Snare, some agents).
// English texts only: the labels are Microsoft's, as the Security log's event descriptions list them.

import type { EcsEvent } from '../../core/event.ts'

/** A heading says whose account follows: prefix of the names below it. */
const SECTIONS: Readonly<Record<string, string>> = {
  Subject: 'Subject',
  'New Logon': 'Target',
  'Account For Which Logon Failed': 'Target',
  'Account Whose Credentials Were Used': 'Target',
  'Account That Was Locked Out': 'Target',
  'Target Account': 'Target',
  'New Account': 'Target',
  'Deleted Account': 'Target',
  'Account Information': 'Target',
  'Target Subject': 'Target',
  'New Computer Account': 'Target',
  'Computer Account That Was Changed': 'Target',
  Group: 'Target',
  'New Group': 'Target',
  'Deleted Group': 'Target',
  Member: 'Member',
  User: 'Target',
}

/** Names below a heading. */
const OF_ACCOUNT: Readonly<Record<string, string>> = {
  'Security ID': 'UserSid',
  'Account Name': 'UserName',
  'Account Domain': 'DomainName',
  'Logon ID': 'LogonId',
  'Group Name': 'UserName',
  'Group Domain': 'DomainName',
}

const LABELS: Readonly<Record<string, string>> = {
  'Logon Type': 'LogonType',
  'Process Name': 'ProcessName',
  'Process ID': 'ProcessId',
  'Caller Process Name': 'ProcessName',
  'Caller Process ID': 'ProcessId',
  'New Process Name': 'NewProcessName',
  'New Process ID': 'NewProcessId',
  'Creator Process Name': 'ParentProcessName',
  'Creator Process ID': 'ProcessId',
  'Process Command Line': 'CommandLine',
  'Workstation Name': 'WorkstationName',
  'Source Workstation': 'Workstation',
  'Caller Computer Name': 'TargetDomainName',
  'Source Network Address': 'IpAddress',
  'Network Address': 'IpAddress',
  'Client Address': 'IpAddress',
  'Source Address': 'SourceAddress',
  'Destination Address': 'DestAddress',
  'Source Port': 'SourcePort',
  'Client Port': 'IpPort',
  'Destination Port': 'DestPort',
  Protocol: 'Protocol',
  Direction: 'Direction',
  'Application Name': 'Application',
  'Failure Reason': 'FailureReason',
  'Failure Code': 'Status',
  'Result Code': 'Status',
  'Error Code': 'Status',
  Status: 'Status',
  'Sub Status': 'SubStatus',
  'Logon Process': 'LogonProcessName',
  'Authentication Package': 'AuthenticationPackageName',
  'Package Name (NTLM only)': 'LmPackageName',
  'Key Length': 'KeyLength',
  'Logon GUID': 'LogonGuid',
  'Logon Account': 'TargetUserName',
  'Supplied Realm Name': 'TargetDomainName',
  'User ID': 'TargetSid',
  'Service Name': 'ServiceName',
  'Service ID': 'ServiceSid',
  'Service File Name': 'ServiceFileName',
  'Service Type': 'ServiceType',
  'Service Start Type': 'ServiceStartType',
  'Service Account': 'ServiceAccount',
  'Ticket Options': 'TicketOptions',
  'Ticket Encryption Type': 'TicketEncryptionType',
  'Pre-Authentication Type': 'PreAuthType',
  'Object Server': 'ObjectServer',
  'Object Type': 'ObjectType',
  'Object Name': 'ObjectName',
  'Handle ID': 'HandleId',
  Accesses: 'AccessList',
  'Access Mask': 'AccessMask',
  Privileges: 'PrivilegeList',
  'Task Name': 'TaskName',
  'Share Name': 'ShareName',
  'Share Path': 'ShareLocalPath',
  'Relative Target Name': 'RelativeTargetName',
  'Token Elevation Type': 'TokenElevationType',
  'Mandatory Label': 'MandatoryLabel',
  'SAM Account Name': 'SamAccountName',
  'Display Name': 'DisplayName',
  'User Principal Name': 'UserPrincipalName',
  'User Account Control': 'UserAccountControl',
  'Transited Services': 'TransmittedServices',
  'Impersonation Level': 'ImpersonationLevel',
  'Elevated Token': 'ElevatedToken',
  'Linked Logon ID': 'TargetLinkedLogonId',
  'Target Server Name': 'TargetServerName',
  'Additional Information': 'TargetInfo',
  Category: 'CategoryId',
  Subcategory: 'SubcategoryId',
  'Subcategory GUID': 'SubcategoryGuid',
  Changes: 'AuditPolicyChanges',
  // of Sysmon, where the label is the name
  ...Object.fromEntries(
    (
      'RuleName UtcTime ProcessGuid ProcessId Image FileVersion Description Product Company OriginalFileName CommandLine ' +
      'CurrentDirectory User LogonGuid LogonId TerminalSessionId IntegrityLevel Hashes ParentProcessGuid ParentProcessId ' +
      'ParentImage ParentCommandLine ParentUser TargetFilename CreationUtcTime PreviousCreationUtcTime Initiated SourceIsIpv6 ' +
      'SourceIp SourceHostname SourcePort SourcePortName DestinationIsIpv6 DestinationIp DestinationHostname DestinationPort ' +
      'DestinationPortName ImageLoaded Signed Signature SignatureStatus SourceProcessGuid SourceProcessId SourceThreadId ' +
      'SourceImage TargetProcessGuid TargetProcessId TargetImage NewThreadId StartAddress StartModule StartFunction GrantedAccess ' +
      'CallTrace EventType TargetObject Details NewName PipeName QueryName QueryStatus QueryResults Archived IsExecutable'
    )
      .split(' ')
      .map((name) => [name, name]),
  ),
}

const HEADINGS = [
  'Logon Information',
  'Process Information',
  'Network Information',
  'Failure Information',
  'Detailed Authentication Information',
  'Service Information',
  'Additional Information',
  'Application Information',
  'Object',
  'Share Information',
  'Access Request Information',
  'Filter Information',
  'Attributes',
  'Changed Attributes',
  'Audit Policy Change',
  'Certificate Information',
  'Task Information',
]
const ALL = [...Object.keys(SECTIONS), ...Object.keys(OF_ACCOUNT), ...Object.keys(LABELS), ...HEADINGS]
  .sort((a, b) => b.length - a.length)
  .map((label) => label.replaceAll(/[()]/g, '\\$&'))
const LABEL = new RegExp(`(?<![^\\s.])(${[...new Set(ALL)].join('|')}) ?:(?=\\s|$)`, 'g')
const MAX_LABELS = 200
const MAX_VALUE = 8192

/** @returns undefined when no label is known */
export function readRenderedMessage(message: string): EcsEvent | undefined {
  const out: EcsEvent = {}
  let section = ''
  let label: string | undefined
  let from = 0
  let count = 0
  const take = (to: number) => {
    if (label === undefined) return
    // what follows the last value of a line is explanation
    const value = (
      message
        .slice(from, Math.min(to, from + MAX_VALUE))
        .trim()
        .split(/[\r\n]|\s{4,}/, 1)[0] as string
    ).trim()
    const inSection = OF_ACCOUNT[label]
    if (value === '' && Object.hasOwn(SECTIONS, label)) section = SECTIONS[label] as string
    else if (value === '' || value === '-') return
    else if (inSection !== undefined) {
      const name = `${section === '' ? 'Subject' : section}${inSection}`
      out[name === 'MemberUserSid' ? 'MemberSid' : name === 'MemberUserName' ? 'MemberName' : name] ??= value
    } else if (Object.hasOwn(LABELS, label)) out[LABELS[label] as string] ??= value
  }
  for (const m of message.matchAll(LABEL)) {
    if (++count > MAX_LABELS) break
    take(m.index)
    label = m[1] as string
    from = m.index + m[0].length
    if (HEADINGS.includes(label)) section = ''
  }
  take(message.length)
  return Object.keys(out).length > 0 ? out : undefined
}
