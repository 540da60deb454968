package org.fdorigin.harness;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** One run of {@code fdorigin dump --force}: its status, what it said and the report. */
public record ForcedDump(int status, String out, String err, Path file) {
  /** All that the command says beside the path, where nothing is odd. */
  private static final String HINT = "fdorigin: to read it: fdorigin show ";


  /** Of a process or a core file; the report goes into this folder. */
  public static ForcedDump of(Object target, Path folder) throws Exception {
    return under(List.of(), target, folder);
  }

  /** Run by a command that ends in becoming ours, as {@code setpriv} does. */
  public static ForcedDump under(List<String> launcher, Object target, Path folder)
      throws Exception {
    Path file = Files.createTempDirectory(folder, "forced-").resolve("report.json");
    List<String> line = new ArrayList<>(launcher);
    line.addAll(
        Arrays.asList(
            Build.command().toString(), "dump", "--force", target.toString(), "-o", "" + file));
    Path out = file.resolveSibling("stdout");
    Path err = file.resolveSibling("stderr");
    Process process =
        new ProcessBuilder(line)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    int status = process.waitFor();
    return new ForcedDump(status, read(out), read(err), file);
  }

  /** The report, checked against the schema; that it was made goes without saying. */
  public Report report() throws IOException {
    if (status != 0 || !out.equals(file + "\n") || !err.equals(HINT + file + "\n")) {
      throw new AssertionError("no report: " + this);
    }
    Report report = Report.read(file);
    if (!report.triggerKind().equals("force")) {
      throw new AssertionError("not a forced report: " + report.json().path("trigger"));
    }
    return report;
  }

  private static String read(Path file) throws IOException {
    return Files.readString(file, StandardCharsets.UTF_8);
  }
}
