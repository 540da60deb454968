package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Attempt;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.FailureJoin;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.Kernel;
import org.fdorigin.harness.Report;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;
import org.junit.jupiter.api.Tag;

/**
 * A library in Go: none of its descriptors passes libc, so none may have an origin, and each must
 * say why. Its runtime shares the process with the JVM and with the agent.
 */
@RequiresAgent
@RequiresStandin
@Tag("descriptors")
class GoLibraryTest {

  @EachJdk
  void whatGoOpensIsUntracedAndNobodyElses(Jdk jdk) throws IOException {
    Path library = Build.natives().resolve("libgopher.so");
    assumeTrue(Files.exists(library), "no Go when the build was configured: run scripts/setup");
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.GOPHER)
            .agent()
            .standin(Generation.G3)
            .app("--hold", "--library=" + library)
            .start()) {
      jvm.ready();
      // Go's runtime is up once it has answered; the kernel is asked for what comes after.
      Map<Integer, String> before = Kernel.descriptors(jvm.pid());
      Map<String, String> dug = jvm.command("dig");
      Kernel kernel = Kernel.of(jvm.pid());
      TreeMap<Integer, String> added = new TreeMap<>(kernel.descriptors());
      added.keySet().removeAll(before.keySet());
      int listener = number(dug, "listener");
      int pipe = number(dug, "pipe");
      assertTrue(added.containsKey(number(dug, "datagram")), () -> dug + " in " + added);
      assertTrue(
          kernel.inet().stream().anyMatch(s -> s.fd() == listener && s.listening()),
          () -> dug + " in " + kernel.inet());
      assertEquals("/etc/hostname", added.get(number(dug, "file")));
      assertEquals(2, kernel.withTarget(added.get(pipe)).size(), () -> dug + " in " + added);
      Attempt attempt = jvm.checkpoint(1);
      assertTrue(attempt.failed(), jvm::transcript);

      Report report = jvm.report(1);
      FailureJoin.check(report, attempt, kernel);
      // Go's poller is among them.
      for (int fd : added.keySet()) {
        Report.Descriptor descriptor = report.descriptor(fd);
        assertEquals("untraced", descriptor.attribution(), descriptor::toString);
        String reason = descriptor.json().path("reason").asText();
        assertTrue(
            reason.contains("by a raw syscall instruction") && reason.contains("libgopher.so"),
            descriptor::toString);
        assertFalse(descriptor.json().has("origin"), descriptor::toString);
        assertFalse(descriptor.hasCulprit(), descriptor::toString);
      }
      Map<String, String> toiled = jvm.command("toil");
      assertEquals(toiled.get("expected"), toiled.get("caught"));
      assertTrue(jvm.checkpoint(2).failed(), jvm::transcript);
      assertEquals("untraced", jvm.report(2).descriptor(listener).attribution());
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertTrue(
          jvm.files().stream().noneMatch(name -> name.startsWith("hs_err")), jvm::transcript);
      assertEquals(
          List.of(
              jvm.reportFile(1).getFileName().toString(),
              jvm.reportFile(2).getFileName().toString()),
          jvm.reportFiles());
    }
  }
}
