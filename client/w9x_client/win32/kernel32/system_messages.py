"""The texts that FormatMessage gives for system error codes (SDK winerror.h; the published error code reference).

`text_of` adds the line end every message of the system table carries.
"""

from __future__ import annotations

_TEXTS = """\
0 The operation completed successfully.
1 Incorrect function.
2 The system cannot find the file specified.
3 The system cannot find the path specified.
4 The system cannot open the file.
5 Access is denied.
6 The handle is invalid.
7 The storage control blocks were destroyed.
8 Not enough storage is available to process this command.
9 The storage control block address is invalid.
10 The environment is incorrect.
11 An attempt was made to load a program with an incorrect format.
12 The access code is invalid.
13 The data is invalid.
14 Not enough storage is available to complete this operation.
15 The system cannot find the drive specified.
16 The directory cannot be removed.
17 The system cannot move the file to a different disk drive.
18 There are no more files.
19 The media is write protected.
20 The system cannot find the device specified.
21 The device is not ready.
22 The device does not recognize the command.
23 Data error (cyclic redundancy check).
24 The program issued a command but the command length is incorrect.
25 The drive cannot locate a specific area or track on the disk.
26 The specified disk or diskette cannot be accessed.
27 The drive cannot find the sector requested.
28 The printer is out of paper.
29 The system cannot write to the specified device.
30 The system cannot read from the specified device.
31 A device attached to the system is not functioning.
32 The process cannot access the file because it is being used by another process.
33 The process cannot access the file because another process has locked a portion of the file.
34 The wrong diskette is in the drive. Insert %2 (Volume Serial Number: %3) into drive %1.
36 Too many files opened for sharing.
38 Reached the end of the file.
39 The disk is full.
50 The network request is not supported.
51 The remote computer is not available.
52 A duplicate name exists on the network.
53 The network path was not found.
54 The network is busy.
55 The specified network resource or device is no longer available.
57 A network adapter hardware error occurred.
58 The specified server cannot perform the requested operation.
59 An unexpected network error occurred.
64 The specified network name is no longer available.
65 Network access is denied.
66 The network resource type is not correct.
67 The network name cannot be found.
80 The file exists.
82 The directory or file cannot be created.
83 Fail on INT 24.
85 The local device name is already in use.
86 The specified network password is not correct.
87 The parameter is incorrect.
88 A write fault occurred on the network.
89 The system cannot start another process at this time.
100 Cannot create another system semaphore.
101 The exclusive semaphore is owned by another process.
102 The semaphore is set and cannot be closed.
103 The semaphore cannot be set again.
105 The previous ownership of this semaphore has ended.
106 Insert the diskette for drive %1.
107 The program stopped because an alternate diskette was not inserted.
108 The disk is in use or locked by another process.
109 The pipe has been ended.
110 The system cannot open the device or file specified.
111 The file name is too long.
112 There is not enough space on the disk.
113 No more internal file identifiers available.
114 The target internal file identifier is incorrect.
117 The IOCTL call made by the application program is not correct.
118 The verify-on-write switch parameter value is not correct.
119 The system does not support the command requested.
120 This function is only valid in Windows NT mode.
121 The semaphore timeout period has expired.
122 The data area passed to a system call is too small.
123 The filename, directory name, or volume label syntax is incorrect.
124 The system call level is not correct.
125 The disk has no volume label.
126 The specified module could not be found.
127 The specified procedure could not be found.
128 There are no child processes to wait for.
129 The %1 application cannot be run in Windows NT mode.
130 Attempt to use a file handle to an open disk partition for an operation other than raw disk I/O.
131 An attempt was made to move the file pointer before the beginning of the file.
132 The file pointer cannot be set on the specified device or file.
142 The system cannot perform a JOIN or SUBST at this time.
143 The system cannot join or substitute a drive to or for a directory on the same drive.
144 The directory is not a subdirectory of the root directory.
145 The directory is not empty.
146 The path specified is being used in a substitute.
147 Not enough resources are available to process this command.
148 The path specified cannot be used at this time.
154 The volume label you entered exceeds the label character limit of the target file system.
155 Cannot create another thread.
156 The recipient process has refused the signal.
157 The segment is already discarded and cannot be locked.
158 The segment is already unlocked.
159 The address for the thread ID is not correct.
160 The argument string passed to DosExecPgm is not correct.
161 The specified path is invalid.
162 A signal is already pending.
164 No more threads can be created in the system.
167 Unable to lock a region of a file.
170 The requested resource is in use.
173 A lock request was not outstanding for the supplied cancel region.
174 The file system does not support atomic changes to the lock type.
180 The system detected a segment number that was not correct.
182 The operating system cannot run %1.
183 Cannot create a file when that file already exists.
186 The flag passed is not correct.
187 The specified system semaphore name was not found.
188 The operating system cannot run %1.
189 The operating system cannot run %1.
190 The operating system cannot run %1.
191 Cannot run %1 in Windows NT mode.
192 The operating system cannot run %1.
193 %1 is not a valid Windows NT application.
194 The operating system cannot run %1.
195 The operating system cannot run %1.
196 The operating system cannot run this application program.
197 The operating system is not presently configured to run this application.
198 The operating system cannot run %1.
199 The operating system cannot run this application program.
200 The code segment cannot be greater than or equal to 64KB.
201 The operating system cannot run %1.
202 The operating system cannot run %1.
203 The system could not find the environment option that was entered.
205 No process in the command subtree has a signal handler.
206 The filename or extension is too long.
207 The ring 2 stack is in use.
208 The global filename characters, * or ?, are entered incorrectly or too many global filename characters are \
specified.
209 The signal being posted is not correct.
210 The signal handler cannot be set.
212 The segment is locked and cannot be reallocated.
214 Too many dynamic link modules are attached to this program or dynamic link module.
215 Can't nest calls to LoadModule.
230 The pipe state is invalid.
231 All pipe instances are busy.
232 The pipe is being closed.
233 No process is on the other end of the pipe.
234 More data is available.
240 The session was cancelled.
254 The specified extended attribute name was invalid.
255 The extended attributes are inconsistent.
259 No more data is available.
266 The Copy API cannot be used.
267 The directory name is invalid.
288 Attempt to release mutex not owned by caller.
298 Too many posts were made to a semaphore.
299 Only part of a Read/WriteProcessMemory request was completed.
317 The system cannot find message for message number 0x%1 in message file for %2.
487 Attempt to access invalid address.
534 Arithmetic result exceeded 32 bits.
535 There is a process on other end of the pipe.
536 Waiting for a process to open the other end of the pipe.
994 Access to the extended attribute was denied.
995 The I/O operation has been aborted because of either a thread exit or an application request.
996 Overlapped I/O event is not in a signaled state.
997 Overlapped I/O operation is in progress.
998 Invalid access to memory location.
999 Error performing inpage operation.
1001 Recursion too deep; the stack overflowed.
1002 The window cannot act on the sent message.
1003 Cannot complete this function.
1004 Invalid flags.
1005 The volume does not contain a recognized file system. Please make sure that all required file system drivers \
are loaded and \
that the volume is not corrupted.
1006 The volume for a file has been externally altered so that the opened file is no longer valid.
1007 The requested operation cannot be performed in full-screen mode.
1008 An attempt was made to reference a token that does not exist.
1009 The configuration registry database is corrupt.
1010 The configuration registry key is invalid.
1011 The configuration registry key could not be opened.
1012 The configuration registry key could not be read.
1013 The configuration registry key could not be written.
1014 One of the files in the registry database had to be recovered by use of a log or alternate copy. The recovery \
was successful.
1015 The registry is corrupt.
1016 An I/O operation initiated by the registry failed unrecoverably.
1017 The system has attempted to load or restore a file into the registry, but the specified file is not in a \
registry file format.
1018 Illegal operation attempted on a registry key which has been marked for deletion.
1019 System could not allocate the required space in a registry log.
1020 Cannot create a symbolic link in a registry key that already has subkeys or values.
1021 Cannot create a stable subkey under a volatile parent key.
1051 A stop control has been sent to a service which other running services are dependent on.
1052 The requested control is not valid for this service.
1053 The service did not respond to the start or control request in a timely fashion.
1056 An instance of the service is already running.
1058 The specified service is disabled and cannot be started.
1060 The specified service does not exist as an installed service.
1062 The service has not been started.
1063 The service process could not connect to the service controller.
1100 The physical end of the tape has been reached.
1112 No media in drive.
1113 No mapping for the Unicode character exists in the target multi-byte code page.
1114 A dynamic link library (DLL) initialization routine failed.
1115 A system shutdown is in progress.
1116 Unable to abort the system shutdown because no shutdown was in progress.
1117 The request could not be performed because of an I/O device error.
1118 No serial device was successfully initialized.
1130 Not enough server storage is available to process this command.
1131 A potential deadlock condition has been detected.
1141 An attempt was made to create more links on a file than the file system supports.
1150 The specified program requires a newer version of Windows.
1151 The specified program is not a Windows or MS-DOS program.
1152 Cannot start more than one instance of the specified program.
1153 The specified program was written for an older version of Windows.
1154 One of the library files needed to run this application is damaged.
1155 No application is associated with the specified file for this operation.
1156 An error occurred in sending the command to the application.
1157 One of the library files needed to run this application cannot be found.
1168 Element not found.
1200 The specified device name is invalid.
1203 No network provider accepted the given network path.
1219 The credentials supplied conflict with an existing set of credentials.
1222 The network is not present or not started.
1223 The operation was canceled by the user.
1224 The requested operation cannot be performed on a file with a user-mapped section open.
1300 Not all privileges referenced are assigned to the caller.
1314 A required privilege is not held by the client.
1326 Logon failure: unknown user name or bad password.
1332 No mapping between account names and security IDs was done.
1337 The security ID structure is invalid.
1338 The security descriptor structure is invalid.
1400 Invalid window handle.
1401 Invalid menu handle.
1402 Invalid cursor handle.
1403 Invalid accelerator table handle.
1404 Invalid hook handle.
1406 Cannot create a top-level child window.
1407 Cannot find window class.
1408 Invalid window; it belongs to other thread.
1410 Class already exists.
1411 Class does not exist.
1413 Invalid index.
1414 Invalid icon handle.
1418 Thread does not have a clipboard open.
1421 Control ID not found.
1450 Insufficient system resources exist to complete the requested service.
1460 This operation returned because the timeout period expired.
1500 The event log file is corrupt.
1700 The string binding is invalid.
1722 The RPC server is unavailable.
1812 The specified image file did not contain a resource section.
1813 The specified resource type can not be found in the image file.
1814 The specified resource name can not be found in the image file.
1815 The specified resource language ID cannot be found in the image file.
10004 A blocking operation was interrupted by a call to WSACancelBlockingCall.
10013 An attempt was made to access a socket in a way forbidden by its access permissions.
10014 The system detected an invalid pointer address in attempting to use a pointer argument in a call.
10022 An invalid argument was supplied.
10024 Too many open sockets.
10035 A non-blocking socket operation could not be completed immediately.
10036 A blocking operation is currently executing.
10038 An operation was attempted on something that is not a socket.
10048 Only one usage of each socket address (protocol/network address/port) is normally permitted.
10049 The requested address is not valid in its context.
10050 A socket operation encountered a dead network.
10051 A socket operation was attempted to an unreachable network.
10053 An established connection was aborted by the software in your host machine.
10054 An existing connection was forcibly closed by the remote host.
10055 An operation on a socket could not be performed because the system lacked sufficient buffer space or because a \
queue was full.
10056 A connect request was made on an already connected socket.
10057 A request to send or receive data was disallowed because the socket is not connected and (when sending on a \
datagram socket using \
a sendto call) no address was supplied.
10060 A connection attempt failed because the connected party did not properly respond after a period of time, or \
established connection \
failed because connected host has failed to respond.
10061 No connection could be made because the target machine actively refused it.
10065 A socket operation was attempted to an unreachable host.
10091 WSAStartup cannot function at this time because the underlying system it uses to provide network services is \
currently unavailable.
10092 The Windows Sockets version requested is not supported.
10093 Either the application has not called WSAStartup, or WSAStartup failed.
11001 No such host is known.
11004 The requested name is valid and was found in the database, but it does not have the correct associated data \
being resolved for.
2147483658 The data necessary to complete this operation is not yet available.
2147500033 Not implemented
2147500034 No such interface supported
2147500035 Invalid pointer
2147500036 Operation aborted
2147500037 Unspecified error
2147549183 Catastrophic failure
2147746132 Class not registered
2147746288 CoInitialize has not been called.
2147746289 CoInitialize has already been called.
2147746291 Invalid class string
2147942405 General access denied error
2147942406 The handle is invalid.
2147942414 Ran out of memory
2147942487 One or more arguments are invalid
"""

_by_code: dict[int, str] = {}


def text_of(code: int) -> str | None:
    """The message for ``code`` with its line end; None where the system table has none.

    HRESULTs that wrap a Win32 code (8007xxxx) without a text of their own give that code's.
    """
    if not _by_code:
        for line in _TEXTS.splitlines():
            number, _, text = line.partition(" ")
            _by_code[int(number)] = text
    found = _by_code.get(code)
    if found is None and code >> 16 == 0x8007:
        found = _by_code.get(code & 0xFFFF)
    return None if found is None else found + "\r\n"
