package org.fdorigin.apps.console;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;

/**
 * The line protocol between an application under test and whoever started it.
 *
 * <p>An application starts its framework, says {@code READY key=value ...} on standard output and
 * then tries a checkpoint at once, unless it was started with {@code --hold}. After that it obeys
 * one command per line of standard input: {@code checkpoint} for another attempt, {@code exit} to
 * shut down in order, and those that the application itself has added. Every attempt is answered
 * by:
 *
 * <pre>
 * ATTEMPT 1
 * FAILED 1
 * org.crac.CheckpointException
 *   suppressed some.CheckpointOpenSocketException: its message
 * END 1
 * </pre>
 *
 * with {@code PASSED 1} instead of {@code FAILED 1} and the tree where it did not fail; every other
 * command by {@code DONE command key=value ...} or {@code ERROR command} and a tree. So the reader
 * always has a line to wait for and never needs to guess a time.
 *
 * <p>The process says nothing about its own descriptors: their numbers are the kernel's to tell,
 * and the reader can look at them for as long as the process waits for its next command.
 */
public final class Console {

  /** What a command does; the pairs that it returns go on its answer line. */
  @FunctionalInterface
  public interface Command {
    Map<String, ?> run() throws Exception;
  }

  private static final List<String> BUILT_IN = List.of("checkpoint", "exit");

  private final Map<String, String> options = new HashMap<>();
  private final Map<String, Command> commands = new LinkedHashMap<>();
  private final PrintStream out = System.out;
  private int attempts;

  /**
   * Takes the arguments {@code --name=value} and {@code --name} of the command line.
   *
   * @throws IllegalArgumentException where an argument does not begin with two dashes
   */
  public Console(String[] args) {
    for (String arg : args) {
      if (!arg.startsWith("--")) {
        throw new IllegalArgumentException("not an option: " + arg);
      }
      int equals = arg.indexOf('=');
      options.put(
          arg.substring(2, equals < 0 ? arg.length() : equals),
          equals < 0 ? "" : arg.substring(equals + 1));
    }
  }

  /** The value of {@code --name=value}, or the given default. */
  public String option(String name, String otherwise) {
    return options.getOrDefault(name, otherwise);
  }

  /** The value of {@code --name=value}, which the application cannot do without. */
  public String option(String name) {
    String value = options.get(name);
    if (value == null) {
      throw new IllegalArgumentException("missing option --" + name);
    }
    return value;
  }

  /** Adds a command of the application's own. */
  public Console on(String name, Command command) {
    if (BUILT_IN.contains(name) || commands.putIfAbsent(name, command) != null) {
      throw new IllegalArgumentException("command is taken: " + name);
    }
    return this;
  }

  /**
   * Says that the application is up, makes the first attempt and obeys until {@code exit} or the
   * end of standard input.
   */
  public void serve(Map<String, ?> ready) throws IOException {
    Map<String, Object> pairs = new LinkedHashMap<>(ready);
    pairs.putIfAbsent("pid", ProcessHandle.current().pid());
    say("READY" + words(pairs));
    if (!options.containsKey("hold")) {
      attempt();
    }
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      switch (line) {
        case "exit":
          return;
        case "checkpoint":
          attempt();
          break;
        default:
          obey(line);
      }
    }
  }

  private void obey(String name) {
    Command command = commands.get(name);
    if (command == null) {
      say("ERROR " + name + " unknown");
      return;
    }
    try {
      say("DONE " + name + words(command.run()));
    } catch (Exception | LinkageError e) {
      say(tree(e) + "ERROR " + name);
    }
  }

  private void attempt() {
    int number = ++attempts;
    say("ATTEMPT " + number);
    try {
      checkpoint();
      say("PASSED " + number + "\nEND " + number);
    } catch (Exception | LinkageError e) {
      say("FAILED " + number + "\n" + tree(e) + "END " + number);
    }
  }

  /**
   * Through {@code org.crac}, as portable applications do; with {@code --api=jdk} by the JDK's own
   * class, and with {@code --api=criu} by OpenJ9's, both of which this code is compiled without.
   */
  private void checkpoint() throws Exception {
    String api = option("api", "org");
    if (api.equals("org")) {
      org.crac.Core.checkpointRestore();
      return;
    }
    try {
      if (api.equals("jdk")) {
        Class.forName("jdk.crac.Core").getMethod("checkpointRestore").invoke(null);
      } else {
        Class<?> criu = Class.forName("org.eclipse.openj9.criu.CRIUSupport");
        Object support = criu.getMethod("getCRIUSupport").invoke(null);
        criu.getMethod("setImageDir", Path.class).invoke(support, Path.of(option("image")));
        criu.getMethod("checkpointJVM").invoke(support);
      }
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof Exception) {
        throw (Exception) e.getCause();
      }
      throw e;
    }
  }

  private synchronized void say(String text) {
    out.print(text + "\n");
    out.flush();
  }

  private static String words(Map<String, ?> pairs) {
    StringJoiner words = new StringJoiner(" ", pairs.isEmpty() ? "" : " ", "");
    pairs.forEach((key, value) -> words.add(key + "=" + value));
    return words.toString();
  }

  /**
   * One line per throwable, two spaces deeper for each level: the role, the class and, unless it is
   * null, a colon and the message with its line breaks written as {@code \n}.
   */
  private static String tree(Throwable top) {
    StringBuilder text = new StringBuilder();
    append(text, "", "", top);
    return text.toString();
  }

  private static void append(StringBuilder text, String indent, String role, Throwable t) {
    text.append(indent).append(role).append(t.getClass().getName());
    if (t.getMessage() != null) {
      text.append(": ").append(t.getMessage().replace("\\", "\\\\").replace("\n", "\\n"));
    }
    text.append('\n');
    for (Throwable suppressed : t.getSuppressed()) {
      append(text, indent + "  ", "suppressed ", suppressed);
    }
    if (t.getCause() != null) {
      append(text, indent + "  ", "cause ", t.getCause());
    }
  }
}
