package org.fdorigin.harness;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** What the threads of a process that does not answer are doing, as far as this machine can tell. */
final class Hang {

  private static final long LIMIT_SECONDS = 30;

  private Hang() {}

  /**
   * The native stacks of all threads, by {@code eu-stack}; empty where that is not installed. The
   * JVM's own thread dump would need a safepoint, which a JVM that hangs may never reach.
   */
  static String stacks(long pid) {
    try {
      Path text = Files.createTempFile("stacks", ".txt");
      Process tool =
          new ProcessBuilder("eu-stack", "-p", Long.toString(pid))
              .redirectErrorStream(true)
              .redirectOutput(text.toFile())
              .redirectInput(new File("/dev/null"))
              .start();
      if (!tool.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
        tool.destroyForcibly().waitFor();
      }
      String stacks = new String(Files.readAllBytes(text), StandardCharsets.UTF_8);
      Files.delete(text);
      return "\n--- stacks\n" + stacks;
    } catch (IOException e) {
      return ""; // Not installed.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "";
    }
  }
}
