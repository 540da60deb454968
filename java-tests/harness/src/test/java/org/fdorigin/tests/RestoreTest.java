package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.Criu;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;

/** A JVM with the agent is saved and made again by the real criu, and goes on as before. */
@RequiresAgent
class RestoreTest {

  private static final String ASLEEP = App.SLEEPER.mainClass() + ".fallAsleepThirtySeven";
  private static final String AWAKE = App.SLEEPER.mainClass() + ".wakeUpFortyOne";

  @EachJdk(since = 17)
  void aRestoredProcessIsRecordedAndReported(Jdk jdk) throws Exception {
    Optional<Criu> criu = Criu.find();
    assumeTrue(criu.isPresent(), "criu is not in build/deps/criu, or cannot work here (root?)");
    Path folder = Build.newWorkFolder("sleeper");
    Path file = Files.writeString(folder.resolve("pillow.txt"), "soft");
    Path images = folder.resolve("images");
    Path out = folder.resolve("stdout.txt");
    Path err = folder.resolve("stderr.txt");
    List<String> line = new ArrayList<>();
    // A session of its own, for criu saves whole sessions only; no file that others map (hsperfdata).
    line.addAll(List.of("setsid", jdk.java().toString(), "-XX:-UsePerfData"));
    line.add("-agentpath:" + Build.agent() + "=on=exit+emfile,signal=SIGUSR1");
    line.addAll(List.of("-cp", App.SLEEPER.classPath(), App.SLEEPER.mainClass()));
    line.addAll(List.of(folder.toString(), file.toString()));
    Process first =
        new ProcessBuilder(line)
            .directory(folder.toFile())
            .redirectInput(new File("/dev/null"))
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    Process restored = null;
    try {
      await(() -> read(out).contains("READY\n"), out, err);
      SortedMap<Integer, String> before = Kernel.descriptors(first.pid());
      criu.get().dump(first.pid(), images);
      assertEquals(128 + 9, first.waitFor(), "criu ends what it has saved");

      Instant restoredAfter = Instant.now().minusSeconds(1);
      restored = criu.get().restore(images);
      Files.createFile(folder.resolve("go"));
      await(() -> read(out).contains("AWAKE " + first.pid() + "\n"), out, err);
      SortedMap<Integer, String> after = Kernel.descriptors(first.pid());
      assertTrue(after.size() > before.size(), after::toString);
      signal(first.pid());
      Path path = folder.resolve("fdorigin-" + first.pid() + "-1.json");
      await(() -> read(err).contains(path.toString()), out, err);

      Report report = Report.read(path);
      assertEquals("signal", report.triggerKind());
      assertEquals(first.pid(), report.json().at("/process/pid").asLong());
      assertTrue(
          Instant.parse(report.json().at("/process/startedAt").asText()).isAfter(restoredAfter),
          "it is another process");
      assertEquals(
          List.copyOf(after.keySet()),
          report.descriptors().stream().map(Report.Descriptor::fd).sorted().toList());
      assertEquals(0, report.json().at("/coverage/selfDescriptors").asInt(-1));
      assertEquals(0, report.json().at("/coverage/dropped").asInt(-1));
      for (Report.Descriptor descriptor : report.descriptors()) {
        String target = after.get(descriptor.fd());
        assertEquals(target, descriptor.json().path("target").asText());
        boolean old = before.containsKey(descriptor.fd());
        if (target.equals(file.toString())) {
          assertEquals(old ? ASLEEP : AWAKE, descriptor.culprit().name());
          assertEquals(
              App.SLEEPER.line(old ? "asleep" : "awake"), descriptor.culprit().line());
        } else if (target.startsWith("socket:") && !old) {
          assertEquals(AWAKE, descriptor.culprit().name());
        } else if (target.startsWith("socket:") && !target.equals(before.get(descriptor.fd()))) {
          assertEquals("untraced", descriptor.attribution(), "criu has made another socket");
          assertTrue(
              descriptor.json().path("reason").asText().contains("restored"), descriptor::toString);
        }
      }

      Files.createFile(folder.resolve("end"));
      assertTrue(restored.waitFor(60, TimeUnit.SECONDS));
      Report last = Report.read(folder.resolve("fdorigin-" + first.pid() + "-2.json"));
      assertEquals("exit", last.triggerKind());
    } finally {
      first.destroyForcibly();
      if (restored != null) {
        restored.descendants().forEach(ProcessHandle::destroyForcibly);
        restored.destroyForcibly();
        restored.waitFor();
      }
    }
  }

  private static void signal(long pid) throws IOException, InterruptedException {
    assertEquals(0, new ProcessBuilder("kill", "-USR1", Long.toString(pid)).start().waitFor());
  }

  private static String read(Path path) {
    try {
      return Files.readString(path);
    } catch (IOException e) {
      return "";
    }
  }

  /** The process has nothing to say anything through but files, which have to be looked at. */
  private static void await(BooleanSupplier condition, Path out, Path err)
      throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        fail("it does not come\n" + read(out) + "\n" + read(err));
      }
      Thread.sleep(10);
    }
  }
}
