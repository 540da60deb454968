package org.fdorigin.harness;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** One attempt at a checkpoint as the application itself saw and printed it. */
public record Attempt(int number, boolean failed, Failure exception) {

  /** A throwable; the message is null where it has none. */
  public record Failure(
      String className, String message, List<Failure> suppressed, List<Failure> causes) {

    @Override
    public String toString() {
      return text(className, message);
    }
  }

  /** {@code class: message}, or the class alone where there is no message or an empty one. */
  static String text(String className, String message) {
    return message == null || message.isEmpty() ? className : className + ": " + message;
  }

  /** The lines between {@code ATTEMPT n} and {@code END n}, both excluded. */
  static Attempt parse(int number, List<String> lines) {
    if (lines.get(0).equals("PASSED " + number)) {
      return new Attempt(number, false, null);
    }
    if (!lines.get(0).equals("FAILED " + number)) {
      throw new IllegalArgumentException("not an attempt: " + lines);
    }
    Deque<Failure> open = new ArrayDeque<>();
    Failure top = null;
    for (String line : lines.subList(1, lines.size())) {
      String text = line.stripLeading();
      int depth = (line.length() - text.length()) / 2;
      if (depth == 0) {
        top = failure(text);
        open.push(top);
        continue;
      }
      while (open.size() > depth) {
        open.pop();
      }
      int space = text.indexOf(' ');
      Failure failure = failure(text.substring(space + 1));
      Failure parent = open.peek();
      (text.startsWith("suppressed ") ? parent.suppressed() : parent.causes()).add(failure);
      open.push(failure);
    }
    return new Attempt(number, true, top);
  }

  private static Failure failure(String text) {
    int colon = text.indexOf(": ");
    String message =
        colon < 0 ? null : text.substring(colon + 2).replace("\\n", "\n").replace("\\\\", "\\");
    return new Failure(
        colon < 0 ? text : text.substring(0, colon), message, new ArrayList<>(), new ArrayList<>());
  }
}
