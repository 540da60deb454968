// SIGINT, SIGTERM and SIGHUP end the command, but not before it has put away what it left in the
// target's folders.
//
// Who uses it: main.cc, once; and whatever waits, which asks between two short waits.
#ifndef FDORIGIN_CLI_INTERRUPTION_H_
#define FDORIGIN_CLI_INTERRUPTION_H_

namespace fdorigin {

// From now on the three only leave a note. One that was ignored stays ignored (nohup).
void NoteInterruptions();

bool IsInterrupted();

// Where one came: dies of it, as whoever started the command expects.
void DieIfInterrupted();

}  // namespace fdorigin

#endif  // FDORIGIN_CLI_INTERRUPTION_H_
