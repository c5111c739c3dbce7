/* Starts argv[1] with the rest of the command line, tells whether it did and what it returned. */
#include <stdio.h>
#include <windows.h>

int main(int argc, char **argv)
{
    STARTUPINFOA startup = {sizeof startup};
    PROCESS_INFORMATION info;
    DWORD code = 0;
    SetEnvironmentVariableA("FROM_PARENT", "yes");
    if (!CreateProcessA(NULL, argv[1], NULL, NULL, TRUE, 0, NULL, NULL, &startup, &info)) {
        printf("error %lu\n", GetLastError());
        return 1;
    }
    WaitForSingleObject(info.hProcess, INFINITE);
    GetExitCodeProcess(info.hProcess, &code);
    printf("child returned %lu\n", code);
    return 0;
}
