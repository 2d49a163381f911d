// Names behind the numbers of the Linux audit log. Sources: include/uapi/linux/audit.h, the x86-64 system call table.

/** Record types as the kernel writes them to the system log. */
export const auditRecordTypes: Readonly<Record<string, string>> = {
  1006: 'LOGIN',
  1100: 'USER_AUTH',
  1101: 'USER_ACCT',
  1102: 'USER_MGMT',
  1103: 'CRED_ACQ',
  1104: 'CRED_DISP',
  1105: 'USER_START',
  1106: 'USER_END',
  1107: 'USER_AVC',
  1108: 'USER_CHAUTHTOK',
  1109: 'USER_ERR',
  1110: 'CRED_REFR',
  1111: 'USYS_CONFIG',
  1112: 'USER_LOGIN',
  1113: 'USER_LOGOUT',
  1114: 'ADD_USER',
  1115: 'DEL_USER',
  1116: 'ADD_GROUP',
  1117: 'DEL_GROUP',
  1118: 'DAC_CHECK',
  1119: 'CHGRP_ID',
  1120: 'TEST',
  1121: 'TRUSTED_APP',
  1122: 'USER_SELINUX_ERR',
  1123: 'USER_CMD',
  1124: 'USER_TTY',
  1125: 'CHUSER_ID',
  1126: 'GRP_AUTH',
  1127: 'SYSTEM_BOOT',
  1128: 'SYSTEM_SHUTDOWN',
  1129: 'SYSTEM_RUNLEVEL',
  1130: 'SERVICE_START',
  1131: 'SERVICE_STOP',
  1132: 'GRP_MGMT',
  1133: 'GRP_CHAUTHTOK',
  1134: 'MAC_CHECK',
  1135: 'ACCT_LOCK',
  1136: 'ACCT_UNLOCK',
  1137: 'USER_DEVICE',
  1138: 'SOFTWARE_UPDATE',
  1200: 'DAEMON_START',
  1201: 'DAEMON_END',
  1202: 'DAEMON_ABORT',
  1203: 'DAEMON_CONFIG',
  1205: 'DAEMON_ROTATE',
  1206: 'DAEMON_RESUME',
  1207: 'DAEMON_ACCEPT',
  1208: 'DAEMON_CLOSE',
  1300: 'SYSCALL',
  1302: 'PATH',
  1303: 'IPC',
  1304: 'SOCKETCALL',
  1305: 'CONFIG_CHANGE',
  1306: 'SOCKADDR',
  1307: 'CWD',
  1309: 'EXECVE',
  1311: 'IPC_SET_PERM',
  1312: 'MQ_OPEN',
  1313: 'MQ_SENDRECV',
  1314: 'MQ_NOTIFY',
  1315: 'MQ_GETSETATTR',
  1316: 'KERNEL_OTHER',
  1317: 'FD_PAIR',
  1318: 'OBJ_PID',
  1319: 'TTY',
  1320: 'EOE',
  1321: 'BPRM_FCAPS',
  1322: 'CAPSET',
  1323: 'MMAP',
  1324: 'NETFILTER_PKT',
  1325: 'NETFILTER_CFG',
  1326: 'SECCOMP',
  1327: 'PROCTITLE',
  1328: 'FEATURE_CHANGE',
  1329: 'REPLACE',
  1330: 'KERN_MODULE',
  1331: 'FANOTIFY',
  1332: 'TIME_INJOFFSET',
  1333: 'TIME_ADJNTPVAL',
  1334: 'BPF',
  1335: 'EVENT_LISTENER',
  1400: 'AVC',
  1401: 'SELINUX_ERR',
  1402: 'AVC_PATH',
  1403: 'MAC_POLICY_LOAD',
  1404: 'MAC_STATUS',
  1405: 'MAC_CONFIG_CHANGE',
  1701: 'ANOM_ABEND',
  1700: 'ANOM_PROMISCUOUS',
  1702: 'ANOM_LINK',
  1703: 'ANOM_CREAT',
  1800: 'INTEGRITY_DATA',
  1801: 'INTEGRITY_METADATA',
  1802: 'INTEGRITY_STATUS',
  1805: 'INTEGRITY_RULE',
  2000: 'KERNEL',
  2100: 'ANOM_LOGIN_FAILURES',
  2101: 'ANOM_LOGIN_TIME',
  2102: 'ANOM_LOGIN_SESSIONS',
  2103: 'ANOM_LOGIN_ACCT',
  2104: 'ANOM_LOGIN_LOCATION',
  2400: 'CRYPTO_TEST_USER',
  2401: 'CRYPTO_PARAM_CHANGE_USER',
  2402: 'CRYPTO_LOGIN',
  2403: 'CRYPTO_LOGOUT',
  2404: 'CRYPTO_KEY_USER',
  2405: 'CRYPTO_FAILURE_USER',
  2406: 'CRYPTO_REPLAY_USER',
  2407: 'CRYPTO_SESSION',
  2408: 'CRYPTO_IKE_SA',
  2409: 'CRYPTO_IPSEC_SA',
  2500: 'VIRT_CONTROL',
  2501: 'VIRT_RESOURCE',
  2502: 'VIRT_MACHINE_ID',
}

/** AUDIT_ARCH_* : ELF machine with flags for 64 bit and little endian. */
export const auditArchitectures: Readonly<Record<string, string>> = {
  c000003e: 'x86_64',
  40000003: 'i386',
  c00000b7: 'aarch64',
  40000028: 'arm',
  80000015: 'ppc64',
  c0000015: 'ppc64le',
  80000016: 's390x',
  c00000f3: 'riscv64',
  14: 'ppc',
  16: 's390',
}

/** System calls of x86-64 by number, 0 to 334. */
export const x64Syscalls: readonly string[] = (
  'read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn ioctl ' +
  'pread64 pwrite64 readv writev access pipe select sched_yield mremap msync mincore madvise shmget shmat shmctl dup dup2 pause ' +
  'nanosleep getitimer alarm setitimer getpid sendfile socket connect accept sendto recvfrom sendmsg recvmsg shutdown bind ' +
  'listen getsockname getpeername socketpair setsockopt getsockopt clone fork vfork execve exit wait4 kill uname semget semop ' +
  'semctl shmdt msgget msgsnd msgrcv msgctl fcntl flock fsync fdatasync truncate ftruncate getdents getcwd chdir fchdir rename ' +
  'mkdir rmdir creat link unlink symlink readlink chmod fchmod chown fchown lchown umask gettimeofday getrlimit getrusage sysinfo ' +
  'times ptrace getuid syslog getgid setuid setgid geteuid getegid setpgid getppid getpgrp setsid setreuid setregid getgroups ' +
  'setgroups setresuid getresuid setresgid getresgid getpgid setfsuid setfsgid getsid capget capset rt_sigpending ' +
  'rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend sigaltstack utime mknod uselib personality ustat statfs fstatfs sysfs ' +
  'getpriority setpriority sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_get_priority_max ' +
  'sched_get_priority_min sched_rr_get_interval mlock munlock mlockall munlockall vhangup modify_ldt pivot_root _sysctl prctl ' +
  'arch_prctl adjtimex setrlimit chroot sync acct settimeofday mount umount2 swapon swapoff reboot sethostname setdomainname ' +
  'iopl ioperm create_module init_module delete_module get_kernel_syms query_module quotactl nfsservctl getpmsg putpmsg ' +
  'afs_syscall tuxcall security gettid readahead setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr ' +
  'flistxattr removexattr lremovexattr fremovexattr tkill time futex sched_setaffinity sched_getaffinity set_thread_area ' +
  'io_setup io_destroy io_getevents io_submit io_cancel get_thread_area lookup_dcookie epoll_create epoll_ctl_old ' +
  'epoll_wait_old remap_file_pages getdents64 set_tid_address restart_syscall semtimedop fadvise64 timer_create timer_settime ' +
  'timer_gettime timer_getoverrun timer_delete clock_settime clock_gettime clock_getres clock_nanosleep exit_group epoll_wait ' +
  'epoll_ctl tgkill utimes vserver mbind set_mempolicy get_mempolicy mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify ' +
  'mq_getsetattr kexec_load waitid add_key request_key keyctl ioprio_set ioprio_get inotify_init inotify_add_watch ' +
  'inotify_rm_watch migrate_pages openat mkdirat mknodat fchownat futimesat newfstatat unlinkat renameat linkat symlinkat ' +
  'readlinkat fchmodat faccessat pselect6 ppoll unshare set_robust_list get_robust_list splice tee sync_file_range vmsplice ' +
  'move_pages utimensat epoll_pwait signalfd timerfd_create eventfd fallocate timerfd_settime timerfd_gettime accept4 signalfd4 ' +
  'eventfd2 epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev rt_tgsigqueueinfo perf_event_open recvmmsg fanotify_init ' +
  'fanotify_mark prlimit64 name_to_handle_at open_by_handle_at clock_adjtime syncfs sendmmsg setns getcpu process_vm_readv ' +
  'process_vm_writev kcmp finit_module sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create kexec_file_load bpf ' +
  'execveat userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free statx io_pgetevents ' +
  'rseq'
).split(' ')
