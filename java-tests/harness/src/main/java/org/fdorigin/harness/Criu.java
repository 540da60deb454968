package org.fdorigin.harness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** criu, as {@code scripts/setup} unpacks it: saves a process to files and makes it again. */
public final class Criu {

  private static final long DEADLINE_SECONDS = 60;

  private final Path root;

  private Criu(Path root) {
    this.root = root;
  }

  /** Nothing where there is none, or where it says that it cannot work here. */
  public static Optional<Criu> find() throws IOException, InterruptedException {
    Path root = Build.apps().resolve("../../build/deps/criu").normalize();
    if (!Files.isExecutable(root.resolve("usr/sbin/criu"))) {
      return Optional.empty();
    }
    Criu criu = new Criu(root);
    Process check =
        new ProcessBuilder(criu.command("check"))
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    return end(check) == 0 ? Optional.of(criu) : Optional.empty();
  }

  /** Saves the process, which ends by that. */
  public void dump(long pid, Path images) throws IOException, InterruptedException {
    Files.createDirectories(images);
    Process dump =
        new ProcessBuilder(
                command("dump", "-t", Long.toString(pid), "-D", images.toString(), "-o", "dump.log"))
            .redirectErrorStream(true)
            .redirectOutput(images.resolve("dump.out").toFile())
            .start();
    if (end(dump) != 0) {
      throw new AssertionError("criu cannot dump: " + Files.readString(images.resolve("dump.log")));
    }
  }

  /** Tries to save the process, which goes on since something is refused. The answer is the log. */
  public Path refuse(long pid, Path images, String... options)
      throws IOException, InterruptedException {
    Files.createDirectories(images);
    List<String> line =
        command("dump", "-t", Long.toString(pid), "-D", images.toString(), "-o", "dump.log");
    line.addAll(List.of(options));
    Process dump =
        new ProcessBuilder(line)
            .redirectErrorStream(true)
            .redirectOutput(images.resolve("dump.out").toFile())
            .start();
    if (end(dump) == 0) {
      throw new AssertionError("criu has dumped what it should refuse");
    }
    return images.resolve("dump.log");
  }

  /**
   * Makes the process again. The answer is criu, its parent, run by this command, or that command,
   * and ends when it ends.
   */
  public Process restore(Path images, String... launcher) throws IOException {
    List<String> line = new ArrayList<>(List.of(launcher));
    line.addAll(command("restore", "-D", images.toString(), "-o", "restore.log"));
    return new ProcessBuilder(line)
        .redirectErrorStream(true)
        .redirectOutput(images.resolve("restore.out").toFile())
        .start();
  }

  private List<String> command(String... arguments) {
    List<String> line = new ArrayList<>();
    line.add(root.resolve("usr/lib64/ld-linux-x86-64.so.2").toString());
    line.add("--library-path");
    line.add(root.resolve("usr/lib/x86_64-linux-gnu").toString());
    line.add(root.resolve("usr/sbin/criu").toString());
    line.addAll(List.of(arguments));
    return line;
  }

  private static int end(Process process) throws InterruptedException {
    if (!process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("criu does not end");
    }
    return process.exitValue();
  }
}
