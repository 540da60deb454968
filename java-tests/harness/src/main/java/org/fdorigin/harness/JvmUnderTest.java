package org.fdorigin.harness;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * One JVM, from its start to its end: how it is started, what it says, what it is told, and which
 * reports it leaves. It waits for lines, never for a time; a line that does not come before the
 * deadline, or before the process ends, fails the test with all that the process has said.
 */
public final class JvmUnderTest implements AutoCloseable {

  private static final long DEADLINE_SECONDS = Long.getLong("fdorigin.deadline.seconds", 90);

  private final Process process;
  private final Writer stdin;
  private final Path folder;
  private final Output out;
  private final Output err;

  /** How many lines of standard output the waits so far have passed. */
  private int passed;

  private JvmUnderTest(Process process, Path folder) {
    this.process = process;
    this.folder = folder;
    this.stdin = process.outputWriter(StandardCharsets.UTF_8);
    this.out = new Output("stdout", process.getInputStream());
    this.err = new Output("stderr", process.getErrorStream());
  }

  public static Builder of(Jdk jdk, App app) throws IOException {
    return new Builder(jdk, app);
  }

  /** How a JVM is to be started. */
  public static final class Builder {
    private final App app;
    private final Path folder;
    private final List<String> launcher = new ArrayList<>();
    private final Jdk jdk;
    private final List<String> standin = new ArrayList<>();
    private final List<String> options = new ArrayList<>();
    private final List<String> arguments = new ArrayList<>();
    private final Map<String, String> environment = new LinkedHashMap<>();

    private Builder(Jdk jdk, App app) throws IOException {
      this.app = app;
      this.folder = Build.newWorkFolder(app.name().toLowerCase(Locale.ROOT));
      this.jdk = jdk;
      options.add("-Djava.io.tmpdir=" + folder);
    }

    /** The JVM's working folder, new and its own; the reports go there too. */
    public Path folder() {
      return folder;
    }

    /** With the agent, its reports in the working folder, and these options beside. */
    public Builder agent(String... options) {
      List<String> all = new ArrayList<>();
      all.add("report=" + folder.resolve("fdorigin-%p-%n.json"));
      all.addAll(Arrays.asList(options));
      return bareAgent(String.join(",", all));
    }

    /** With the agent and exactly this option string; null for none. */
    public Builder bareAgent(String options) {
      return jvm("-agentpath:" + Build.agent() + (options == null ? "" : "=" + options));
    }

    /** With the stand-in for a CRaC JDK, configured for checkpoints. */
    public Builder standin(Generation generation) throws IOException {
      Path images = Files.createDirectories(folder.resolve("cr"));
      return unconfiguredStandin(generation).jvm("-Dstandin.CRaCCheckpointTo=" + images);
    }

    /**
     * With the stand-in for OpenJ9's CRIU support, its images in the working folder. {@code wishes}
     * go to {@code standin.vm}.
     */
    public Builder openj9(String wishes) throws IOException {
      Path images = Files.createDirectories(folder.resolve("cr"));
      standin.add("@" + Build.openj9Standin());
      return jvm("-Dstandin.CRaCCheckpointTo=" + images, "-Dstandin.vm=" + wishes)
          .app("--image=" + images);
    }

    /** Without a word from {@code java.util.logging}, so that standard error is the agent's. */
    public Builder quiet() throws IOException {
      Path config = Files.writeString(folder.resolve("logging.properties"), ".level=OFF\n");
      return jvm("-Djava.util.logging.config.file=" + config);
    }

    /** With the stand-in, as if {@code -XX:CRaCCheckpointTo} had been forgotten. */
    public Builder unconfiguredStandin(Generation generation) {
      standin.add("@" + generation.arguments());
      return this;
    }

    /** Run by this command, which must end in becoming the JVM, as {@code prlimit} does. */
    public Builder under(String... launcher) {
      this.launcher.addAll(Arrays.asList(launcher));
      return this;
    }

    /** JVM options, in order. */
    public Builder jvm(String... options) {
      this.options.addAll(Arrays.asList(options));
      return this;
    }

    /** Arguments of the application. */
    public Builder app(String... options) {
      arguments.addAll(Arrays.asList(options));
      return this;
    }

    public Builder environment(String name, String value) {
      environment.put(name, value);
      return this;
    }

    /** Where the only JVM under test does not take what the test asks of it, it is skipped. */
    public JvmUnderTest start() throws IOException {
      if (Jdk.only().isPresent()) {
        List<String> asked = new ArrayList<>(options);
        asked.removeIf(option -> !option.startsWith("-X"));
        app.jdkModules().forEach(module -> asked.add("--add-modules=" + module));
        jdk.refusal(asked).ifPresent(said -> Assumptions.abort(jdk + ", " + asked + ": " + said));
      }
      List<String> line = new ArrayList<>(launcher);
      line.add(jdk.java().toString());
      line.addAll(jdk.options());
      // The stand-in first: it plays the JVM, which is there before any agent.
      line.addAll(standin);
      line.addAll(options);
      line.add("-cp");
      line.add(app.classPath());
      line.add(app.mainClass());
      line.addAll(arguments);
      ProcessBuilder builder = new ProcessBuilder(line).directory(folder.toFile());
      builder.environment().remove("JAVA_TOOL_OPTIONS");
      builder.environment().remove("JDK_JAVA_OPTIONS");
      builder.environment().remove("_JAVA_OPTIONS");
      builder.environment().remove("FDORIGIN_HOTSPOT");
      if (Build.hotspotOff()) {
        builder.environment().put("FDORIGIN_HOTSPOT", "off");
      }
      builder.environment().putAll(environment);
      Files.write(folder.resolve("command.txt"), line);
      return new JvmUnderTest(builder.start(), folder);
    }
  }

  public long pid() {
    return process.pid();
  }

  public Path folder() {
    return folder;
  }

  /** The application's {@code READY} line. */
  public Map<String, String> ready() {
    return pairs(awaitOut(line -> line.equals("READY") || line.startsWith("READY ")));
  }

  /** The number that the application has said under this name in a {@code READY} or answer. */
  public static int number(Map<String, String> pairs, String name) {
    String value = pairs.get(name);
    if (value == null) {
      throw new AssertionError(name + " was not said: " + pairs);
    }
    return Integer.parseInt(value);
  }

  /** Waits until attempt n, begun by the application or by {@link #checkpoint}, is over. */
  public Attempt attempt(int n) {
    awaitOut(line -> line.equals("ATTEMPT " + n));
    int from = passed;
    awaitOut(line -> line.equals("END " + n));
    return Attempt.parse(n, out.lines(from, passed - 1));
  }

  /** Asks for attempt n and waits until it is over. */
  public Attempt checkpoint(int n) {
    tell("checkpoint");
    return attempt(n);
  }

  /** A command of the application's own; the pairs are its answer's. */
  public Map<String, String> command(String name) {
    tell(name);
    String answer =
        awaitOut(
            line ->
                line.equals("DONE " + name)
                    || line.startsWith("DONE " + name + " ")
                    || line.startsWith("ERROR " + name));
    if (answer.startsWith("ERROR")) {
      throw new AssertionError("the application could not " + name + transcript());
    }
    return pairs(answer);
  }

  /** Tells the application to shut down, and waits until it has. */
  public int exit() {
    tell("exit");
    return awaitExit();
  }

  /** Waits until the process ends by itself, and returns its status. */
  public int awaitExit() {
    try {
      if (!process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)) {
        throw new AssertionError("the process does not end" + Hang.stacks(pid()) + transcript());
      }
      out.awaitEnd();
      err.awaitEnd();
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  /** Sends one line to the application. */
  public void tell(String line) {
    try {
      stdin.write(line + "\n");
      stdin.flush();
    } catch (IOException e) {
      throw new AssertionError("the process does not listen" + transcript(), e);
    }
  }

  /** The first line of standard error that fits, from the beginning, waiting for it. */
  public String awaitErr(Predicate<String> fits) {
    return err.line(err.await(0, fits, this));
  }

  /** The lines of standard error so far. */
  public List<String> errLines() {
    return err.lines(0, Integer.MAX_VALUE);
  }

  /** The lines of standard output so far. */
  public List<String> outLines() {
    return out.lines(0, Integer.MAX_VALUE);
  }

  private String awaitOut(Predicate<String> fits) {
    int index = out.await(passed, fits, this);
    passed = index + 1;
    return out.line(index);
  }

  /**
   * Report n of this process, checked against the schema. It must be there already: a report of a
   * failed checkpoint is complete when the checkpoint's caller learns of the failure.
   */
  public Report report(int n) throws IOException {
    Path file = reportFile(n);
    if (!Files.exists(file)) {
      throw new AssertionError("no " + file.getFileName() + " in " + files() + transcript());
    }
    return Report.read(file);
  }

  /** Where report n goes, with the options of {@link Builder#agent}. */
  public Path reportFile(int n) {
    return folder.resolve("fdorigin-" + pid() + "-" + n + ".json");
  }

  /** Every file that begins with the agent's name, temporary ones too, sorted by name. */
  public List<String> reportFiles() throws IOException {
    return files().stream().filter(name -> name.contains("fdorigin")).toList();
  }

  /** The names of all files in the working folder, sorted. */
  public List<String> files() throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  /** All that the process has said, for messages. */
  public String transcript() {
    return "\n--- in "
        + folder
        + "\n--- stdout\n"
        + String.join("\n", outLines())
        + "\n--- stderr\n"
        + String.join("\n", errLines())
        + "\n---";
  }

  /** Ends the process and its children, whatever state they are in. */
  @Override
  public void close() {
    List<ProcessHandle> killed = new ArrayList<>(process.descendants().toList());
    if (process.isAlive()) {
      killed.add(process.toHandle());
    }
    process.destroyForcibly();
    killed.forEach(ProcessHandle::destroyForcibly);
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    // A JVM that is killed leaves its attach socket, and a later one of that number and of another
    // user could not be attached to. The number of one that has ended may be another's by now.
    killed.forEach(each -> new File("/tmp/.java_pid" + each.pid()).delete());
  }

  private static Map<String, String> pairs(String line) {
    Map<String, String> pairs = new LinkedHashMap<>();
    for (String word : line.split(" ")) {
      int equals = word.indexOf('=');
      if (equals > 0) {
        pairs.put(word.substring(0, equals), word.substring(equals + 1));
      }
    }
    return pairs;
  }

  /** One stream's lines, read by a thread of its own as they come. */
  private static final class Output {
    private final List<String> lines = new ArrayList<>();
    private boolean ended;

    Output(String name, InputStream stream) {
      Thread reader =
          new Thread(
              () -> {
                try (BufferedReader in =
                    new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
                  for (String line = in.readLine(); line != null; line = in.readLine()) {
                    add(line);
                  }
                } catch (IOException e) {
                  add("(" + name + " broke off: " + e.getMessage() + ")");
                } finally {
                  end();
                }
              },
              name);
      reader.setDaemon(true);
      reader.start();
    }

    private synchronized void add(String line) {
      lines.add(line);
      notifyAll();
    }

    private synchronized void end() {
      ended = true;
      notifyAll();
    }

    synchronized String line(int index) {
      return lines.get(index);
    }

    synchronized List<String> lines(int from, int to) {
      return List.copyOf(lines.subList(from, Math.min(to, lines.size())));
    }

    synchronized void awaitEnd() throws InterruptedException {
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
      while (!ended && System.nanoTime() < deadline) {
        TimeUnit.NANOSECONDS.timedWait(this, deadline - System.nanoTime());
      }
    }

    /** The index of the first line from here on that fits. */
    int await(int from, Predicate<String> fits, JvmUnderTest jvm) {
      String why;
      synchronized (this) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
        int next = from;
        while (true) {
          for (; next < lines.size(); next++) {
            if (fits.test(lines.get(next))) {
              return next;
            }
          }
          if (ended) {
            why = "the stream ended without the line";
            break;
          }
          long left = deadline - System.nanoTime();
          if (left <= 0) {
            why = "the line did not come in " + DEADLINE_SECONDS + " s" + Hang.stacks(jvm.pid());
            break;
          }
          try {
            TimeUnit.NANOSECONDS.timedWait(this, left);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
          }
        }
      }
      throw new AssertionError(why + jvm.transcript());
    }
  }
}
