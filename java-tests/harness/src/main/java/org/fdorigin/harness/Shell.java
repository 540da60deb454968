package org.fdorigin.harness;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A command that is run beside a JVM under test, {@code fdorigin} or another. */
public final class Shell {

  private final Process process;
  private final CompletableFuture<List<String>> out;
  private final CompletableFuture<List<String>> err;

  private Shell(Process process) {
    this.process = process;
    out = CompletableFuture.supplyAsync(() -> lines(process.getInputStream()));
    err = CompletableFuture.supplyAsync(() -> lines(process.getErrorStream()));
  }

  /** How it ended, and what it said. */
  public record Result(int status, List<String> out, List<String> err) {

    /** The one line of its standard output. */
    public String answer() {
      if (status != 0 || out.size() != 1) {
        throw new AssertionError("no answer: " + this);
      }
      return out.get(0);
    }
  }

  /** Begins {@code fdorigin} with these words. */
  public static Shell fdorigin(Object... words) throws IOException {
    List<String> line = new ArrayList<>();
    line.add(Build.command().toString());
    Arrays.stream(words).map(String::valueOf).forEach(line::add);
    return begin(line);
  }

  public static Shell begin(List<String> line) throws IOException {
    Process process = new ProcessBuilder(line).start();
    process.getOutputStream().close();
    return new Shell(process);
  }

  public Process process() {
    return process;
  }

  /** Waits until it has ended. */
  public Result end() {
    try {
      int status = process.waitFor();
      return new Result(status, out.join(), err.join());
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  private static List<String> lines(InputStream stream) {
    return new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))
        .lines()
        .toList();
  }
}
