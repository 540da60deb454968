package org.fdorigin.harness;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The second opinion: which call of which thread made each descriptor of a process, worked out from
 * what strace wrote down from the process's first moment on.
 *
 * <p>A call that makes a descriptor has done so before strace sees its end, and one that closes has
 * not begun before strace has seen its beginning. So the former count from their end and the latter
 * from their beginning: whoever got a number after somebody had closed it then comes later in the
 * trace, too, whatever the two processors did.
 */
public final class SyscallTrace {

  private static final String MAKERS =
      "open,openat,openat2,creat,dup,dup2,dup3,fcntl,socket,socketpair,accept,accept4,recvmsg,"
          + "recvmmsg,pipe,pipe2,epoll_create,epoll_create1,eventfd,eventfd2,timerfd_create,"
          + "signalfd,signalfd4,inotify_init,inotify_init1,memfd_create,fanotify_init,pidfd_open,"
          + "pidfd_getfd";
  private static final String TRACED =
      MAKERS + ",close,close_range,execve,clone,clone3,rename,renameat,renameat2";

  private static final Pattern BEGUN = Pattern.compile("^(\\d+) +(\\w+)\\((.*)$");
  private static final Pattern RESUMED =
      Pattern.compile("^(\\d+) +<\\.\\.\\. (\\w+) resumed>(.*)$");
  private static final Pattern ENDED = Pattern.compile("^(.*)\\) += (-?\\d+)(?: .*)?$");
  private static final Pattern PASSED =
      Pattern.compile("cmsg_type=SCM_RIGHTS, cmsg_data=\\[([^]]*)]");
  private static final String UNFINISHED = " <unfinished ...>";

  /** Calls that make one descriptor, which they return. */
  private static final Set<String> MAKES_ONE =
      Set.of(
          "open",
          "openat",
          "openat2",
          "creat",
          "dup",
          "socket",
          "accept",
          "accept4",
          "epoll_create",
          "epoll_create1",
          "eventfd",
          "eventfd2",
          "timerfd_create",
          "inotify_init",
          "inotify_init1",
          "memfd_create",
          "fanotify_init",
          "pidfd_open",
          "pidfd_getfd");

  private final Path file;
  private final List<String> lines;
  private final List<Event> events = new ArrayList<>();

  /**
   * How a descriptor came about.
   *
   * @param line the line of the trace, from 0, at which its call had ended
   */
  public record Made(String call, long tid, List<String> arguments, int line) {}

  /** What was open when a report was begun, and when it was finished. */
  public record Moment(SortedMap<Integer, Made> begin, SortedMap<Integer, Made> end) {

    /** What was open all the while, and so must be in the report. */
    public SortedMap<Integer, Made> steady() {
      SortedMap<Integer, Made> steady = new TreeMap<>(begin);
      steady.entrySet().retainAll(end.entrySet());
      return steady;
    }

    /** Whether this number came, went or changed in the meantime. */
    public boolean unsteady(int fd) {
      return !Objects.equals(begin.get(fd), end.get(fd));
    }
  }

  /** A call that has returned, with the lines of its beginning and its end. */
  private record Call(
      long tid, String name, List<String> arguments, long result, int from, int to) {}

  /** What happens to a number: it is made, or, where {@code made} is null, it ends. */
  private record Event(int line, int fd, Made made) {}

  private SyscallTrace(Path file, List<String> lines) {
    this.file = file;
    this.lines = lines;
  }

  /** The command that runs another one, as its child, and writes the trace of it into this file. */
  public static String[] launcher(Path file) {
    return new String[] {
      "strace", "-f", "--seccomp-bpf", "-qq", "-s", "4096", "-e", "signal=none",
      "-e", "trace=" + TRACED, "-o", file.toString()
    };
  }

  /** Skips the test, saying so, on a machine where processes may not be traced. */
  public static void assumePossible() throws IOException {
    Path folder = Build.newWorkFolder("strace");
    List<String> line = new ArrayList<>(List.of(launcher(folder.resolve("trace.txt"))));
    line.add("true");
    try {
      Process strace =
          new ProcessBuilder(line)
              .redirectErrorStream(true)
              .redirectOutput(folder.resolve("said.txt").toFile())
              .start();
      assumeTrue(strace.waitFor() == 0, () -> "no strace here, or it may not trace: " + folder);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    } catch (IOException e) {
      assumeTrue(false, "no strace here: " + e.getMessage());
    }
  }

  /** Reads the trace of a process that has ended; its children's calls are left out. */
  public static SyscallTrace read(Path file, long pid) throws IOException {
    SyscallTrace trace;
    try (Stream<String> all = Files.lines(file)) {
      trace = new SyscallTrace(file, all.toList());
    }
    List<Call> calls = trace.calls();
    Set<Long> threads = threads(calls, pid);
    for (Call call : calls) {
      if (threads.contains(call.tid) && call.result >= 0) {
        trace.add(call);
      }
    }
    trace.events.sort(Comparator.comparingInt(Event::line));
    return trace;
  }

  /** The first line, from 0, in which this file is opened. */
  public int opened(Path path) {
    return IntStream.range(0, lines.size())
        .filter(i -> lines.get(i).contains("open") && lines.get(i).contains("\"" + path + "\""))
        .findFirst()
        .orElseThrow(() -> new AssertionError(path + " is not opened in " + file));
  }

  /** The look at all descriptors that went into this report: when it began, and what was there. */
  public Moment reported(Path report) {
    int end =
        IntStream.range(0, lines.size())
            .filter(i -> lines.get(i).contains("rename") && lines.get(i).contains(report + "\""))
            .findFirst()
            .orElseThrow(() -> new AssertionError(report + " does not come about in " + file));
    int begin =
        IntStream.range(0, end)
            .filter(i -> lines.get(i).contains("\"/proc/self/fd\""))
            .max()
            .orElseThrow(() -> new AssertionError("nobody looks at descriptors in " + file));
    return new Moment(openAt(begin), openAt(end));
  }

  /** What is open when this line is written, of all that was opened since the trace began. */
  public SortedMap<Integer, Made> openAt(int line) {
    SortedMap<Integer, Made> open = new TreeMap<>();
    for (Event event : events) {
      if (event.line >= line) {
        break;
      }
      if (event.made == null) {
        open.remove(event.fd);
      } else {
        open.put(event.fd, event.made);
      }
    }
    return open;
  }

  private List<Call> calls() {
    record Begun(String name, String text, int line) {}
    Map<Long, Begun> unfinished = new HashMap<>();
    List<Call> calls = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      Matcher begun = BEGUN.matcher(line);
      Matcher resumed = RESUMED.matcher(line);
      Begun call;
      String rest;
      long tid;
      if (begun.matches()) {
        tid = Long.parseLong(begun.group(1));
        rest = begun.group(3);
        call = new Begun(begun.group(2), "", i);
        if (rest.endsWith(UNFINISHED)) {
          String text = rest.substring(0, rest.length() - UNFINISHED.length());
          unfinished.put(tid, new Begun(call.name, text, i));
          continue;
        }
      } else if (resumed.matches()) {
        tid = Long.parseLong(resumed.group(1));
        rest = resumed.group(3);
        call = unfinished.remove(tid);
        if (call == null || !call.name.equals(resumed.group(2))) {
          throw new AssertionError("what was resumed here had not begun: " + file + ": " + line);
        }
      } else {
        continue; // a signal, or the end of a thread
      }
      Matcher ended = ENDED.matcher(call.text + rest);
      if (ended.matches()) {
        calls.add(
            new Call(
                tid,
                call.name,
                split(ended.group(1)),
                Long.parseLong(ended.group(2)),
                call.line,
                i));
      }
    }
    return calls;
  }

  /** The first thread and all that came from it and share its descriptors. */
  private static Set<Long> threads(List<Call> calls, long pid) {
    Set<Long> threads = new HashSet<>(Set.of(pid));
    boolean grew = true;
    while (grew) {
      grew = false;
      for (Call call : calls) {
        if (call.name.startsWith("clone")
            && call.result > 0
            && threads.contains(call.tid)
            && String.join(",", call.arguments).contains("CLONE_FILES")) {
          grew |= threads.add(call.result);
        }
      }
    }
    return threads;
  }

  private void add(Call call) {
    int result = (int) call.result;
    if (MAKES_ONE.contains(call.name)) {
      made(result, call);
      return;
    }
    switch (call.name) {
      case "close":
        events.add(new Event(call.from, Integer.parseInt(call.arguments.get(0)), null));
        break;
      case "execve":
        // Of what a launcher opens nothing is left to the JVM; were it, the census would have it.
        openAt(call.to).keySet().forEach(fd -> events.add(new Event(call.to, fd, null)));
        break;
      case "close_range":
        throw new AssertionError("a close_range inside the process is not expected: " + call);
      case "dup2", "dup3":
        if (!call.arguments.get(0).equals(call.arguments.get(1))) {
          made(result, call);
        }
        break;
      case "fcntl":
        if (call.arguments.get(1).startsWith("F_DUPFD")) {
          made(result, call);
        }
        break;
      case "signalfd", "signalfd4":
        if (call.arguments.get(0).equals("-1")) {
          made(result, call);
        }
        break;
      case "pipe", "pipe2":
        pair(call.arguments.get(0), call);
        break;
      case "socketpair":
        pair(call.arguments.get(3), call);
        break;
      case "recvmsg", "recvmmsg":
        for (Matcher m = PASSED.matcher(String.join(",", call.arguments)); m.find(); ) {
          pair("[" + m.group(1) + "]", call);
        }
        break;
      default: // clone
    }
  }

  private void made(int fd, Call call) {
    events.add(new Event(call.to, fd, new Made(call.name, call.tid, call.arguments, call.to)));
  }

  /** {@code [3, 4]} */
  private void pair(String numbers, Call call) {
    for (String number : numbers.substring(1, numbers.length() - 1).split(",")) {
      made(Integer.parseInt(number.strip()), call);
    }
  }

  /** A call's arguments, which may be strings, structures and lists with commas of their own. */
  private static List<String> split(String text) {
    List<String> arguments = new ArrayList<>();
    int depth = 0;
    int start = 0;
    boolean quoted = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (quoted) {
        if (c == '\\') {
          i++;
        } else if (c == '"') {
          quoted = false;
        }
      } else if (c == '"') {
        quoted = true;
      } else if ("([{".indexOf(c) >= 0) {
        depth++;
      } else if (")]}".indexOf(c) >= 0) {
        depth--;
      } else if (c == ',' && depth == 0) {
        arguments.add(text.substring(start, i).strip());
        start = i + 1;
      }
    }
    arguments.add(text.substring(start).strip());
    return arguments;
  }
}
