package org.fdorigin.harness;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URLDecoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What a program said of a socket when it had opened it: which one it is, on which thread that was,
 * and the frames of a Throwable that was made in the same expression. The program's side is {@code
 * Witness} of the probes.
 */
public record Testimony(String which, long tid, String thread, List<Seen> frames) {

  /** A frame as Java has it; the line is 0 where there is none. */
  public record Seen(String name, String file, int line) {
    /** The same of a frame of a report. */
    public static Seen of(Report.Frame frame) {
      return new Seen(frame.name(), frame.json().path("file").asText(""), frame.line());
    }
  }

  /** {@code WHICH!TID!THREAD!FRAME,FRAME}, a frame being {@code CLASS;METHOD;FILE;LINE}. */
  public static Testimony parse(String text) {
    String[] part = text.split("!", -1);
    List<Seen> frames = new ArrayList<>();
    for (String frame : part[3].split(",")) {
      String[] field = frame.split(";", -1);
      frames.add(
          new Seen(
              decoded(field[0]) + "." + decoded(field[1]),
              decoded(field[2]),
              Integer.parseInt(field[3])));
    }
    return new Testimony(part[0], Long.parseLong(part[1]), decoded(part[2]), frames);
  }

  /** Several with {@code &} between. */
  public static List<Testimony> parseAll(String text) {
    return Arrays.stream(text.split("&")).map(Testimony::parse).toList();
  }

  /** The number of the descriptor, of a listening socket by the kernel's word. */
  public int fd(Kernel kernel) {
    int number = Integer.parseInt(which.substring(which.indexOf('=') + 1));
    return which.startsWith("fd=") ? number : kernel.listener(number).fd();
  }

  /** The origin of this socket, after a check that it is traced to the call of this thread. */
  public Report.Call origin(Report report, Kernel kernel) {
    Report.Descriptor socket = report.descriptor(fd(kernel));
    expect(kernel.inode(socket.fd()), socket.json().path("inode").asLong(), socket);
    expect("traced", socket.attribution(), socket);
    Report.Call origin = socket.origin();
    expect("socket", origin.call(), socket);
    expect(tid, origin.json().path("thread").path("tid").asLong(), socket);
    return origin;
  }

  /** The Java frames of a report that lie above the Throwable's first one. */
  public List<Seen> above(Report.Call origin) {
    List<Seen> all = origin.javaFrames().stream().map(Seen::of).toList();
    int first = all.indexOf(frames.get(0));
    if (first < 0) {
      throw new AssertionError(frames.get(0) + " is not among " + all);
    }
    return all.subList(0, first);
  }

  /** The Java frames of a report from the Throwable's first one to the thread's start. */
  public List<Seen> below(Report.Call origin) {
    List<Seen> all = origin.javaFrames().stream().map(Seen::of).toList();
    return all.subList(above(origin).size(), all.size());
  }

  private static void expect(Object expected, Object actual, Report.Descriptor socket) {
    if (!expected.equals(actual)) {
      throw new AssertionError(expected + " is expected, not " + actual + ": " + socket);
    }
  }

  private static String decoded(String text) {
    return URLDecoder.decode(text, UTF_8);
  }
}
