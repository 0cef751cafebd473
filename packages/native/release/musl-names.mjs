// What the binaries for musl want from its C library: musl gives its symbols no versions, so the names are all that can
// be checked. All of them are in musl 1.2.2 (Debian 11). A name that is new here has to be looked up there first.
export const MUSL_NAMES = new Set(
  `
    __cxa_atexit __errno_location __tls_get_addr abort access aligned_alloc calloc close dl_iterate_phdr dladdr
    fallocate fchmod fchown fclose fcntl fdatasync fflush fgets fgetxattr fopen fprintf fputc free fremovexattr
    fscanf fsetxattr fstat fstatat fstatfs fsync ftruncate fwrite getauxval geteuid getline getpid getuid ioctl
    isxdigit linkat lseek lstat madvise malloc memchr memcpy memmove memset mmap mremap msync munmap nanosleep open
    openat prctl pread process_vm_readv pthread_attr_destroy pthread_attr_init pthread_attr_setdetachstate
    pthread_attr_setstacksize pthread_cond_broadcast pthread_cond_destroy pthread_cond_signal pthread_cond_timedwait
    pthread_cond_wait pthread_create pthread_detach pthread_getspecific pthread_join pthread_key_create
    pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock pthread_mutex_trylock pthread_mutex_unlock
    pthread_mutexattr_destroy pthread_mutexattr_init pthread_mutexattr_settype pthread_once pthread_rwlock_rdlock
    pthread_rwlock_unlock pthread_rwlock_wrlock pthread_self pthread_setspecific pthread_sigmask pwrite read realloc
    realpath renameat sched_yield sigaction sigaddset sigemptyset sigfillset siglongjmp sigsetjmp sigwaitinfo
    snprintf sscanf stderr strcmp strcspn strerror_r strlen strncmp strnlen strtod strtof strtol strtold strtoll
    strtoul strtoull swprintf syscall sysconf unlinkat vfprintf wcstod wcstof wcstol wcstold wcstoll wcstoul
    wcstoull write
  `.trim().split(/\s+/),
);
