package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
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
import org.fdorigin.harness.RequiresHotspot;
import org.fdorigin.harness.RequiresStandin;
import org.junit.jupiter.api.Tag;

/**
 * A native library of the application loads others by bare names along its own RPATH or RUNPATH,
 * with RTLD_DEEPBIND, RTLD_LOCAL and RTLD_GLOBAL, and again after it has unloaded them: they are
 * found as without the agent, and what they open is theirs. In a namespace of its own, with its own
 * libc, nothing is seen, and nobody else is named for it.
 */
@RequiresAgent
@RequiresHotspot
@RequiresStandin
@Tag("matrix")
class LibrariesTest {

  /** What a descriptor must be attributed to: a function, and the file name of its library. */
  private record Opener(String function, String module) {}

  @EachJdk
  void whatRpathFindsIsTracedAtLibcsEntries(Jdk jdk) throws IOException {
    check(jdk, "rpath", "libc=on");
  }

  @EachJdk(17)
  void whatRunpathFindsIsTracedAtLibcsEntries(Jdk jdk) throws IOException {
    check(jdk, "runpath", "libc=on");
  }

  @EachJdk(17)
  void whatRpathFindsIsTracedThroughSlots(Jdk jdk) throws IOException {
    check(jdk, "rpath", "libc=off");
  }

  @EachJdk
  void whatRunpathFindsIsTracedThroughSlots(Jdk jdk) throws IOException {
    check(jdk, "runpath", "libc=off");
  }

  private static void check(Jdk jdk, String tag, String option) throws IOException {
    Map<Integer, Opener> wanted = new LinkedHashMap<>();
    Path library = Build.natives().resolve("libwayfarer_" + tag + ".so");
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.WAYFARER)
            .agent(option)
            .standin(Generation.G3)
            .app("--hold", "--library=" + library, "--path=" + tag)
            .start()) {
      jvm.ready();
      wanted.put(
          number(jvm.command("own"), "fd"),
          new Opener("wayfarer_socket", library.getFileName().toString()));
      wanted.put(
          number(jvm.command("needed"), "fd"),
          new Opener("inn_needed_socket", "libinn_needed_" + tag + ".so"));
      Opener searched = new Opener("inn_" + tag + "_socket", "libinn_" + tag + ".so");
      for (String fd : jvm.command("again").get("fds").split(",")) {
        wanted.put(Integer.parseInt(fd), searched);
      }
      wanted.put(number(jvm.command("path"), "fd"), searched);
      for (String way : new String[] {"plain", "global", "deepbind"}) {
        wanted.put(
            number(jvm.command(way), "fd"),
            new Opener("inn_" + way + "_socket", "libinn_" + way + ".so"));
      }
      final int unseen = number(jvm.command("namespace"), "fd");
      Kernel kernel = Kernel.of(jvm.pid());
      Attempt attempt = jvm.checkpoint(1);
      assertTrue(attempt.failed(), jvm::transcript);

      Report report = jvm.report(1);
      FailureJoin.check(report, attempt, kernel);
      wanted.forEach((fd, opener) -> checkTraced(report.descriptor(fd), kernel, opener));
      assertEquals(9, wanted.size());
      Report.Descriptor far = report.descriptor(unseen);
      assertEquals("untraced", far.attribution(), far::toString);
      assertTrue(far.json().path("reason").asText().contains("not seen"), far::toString);
      assertFalse(far.json().has("origin"), far::toString);
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static void checkTraced(Report.Descriptor socket, Kernel kernel, Opener opener) {
    assertEquals(kernel.inode(socket.fd()), socket.json().path("inode").asLong());
    assertEquals("traced", socket.attribution(), () -> opener + ": " + socket);
    Report.Frame frame = socket.origin().stack().get(0);
    assertEquals(opener.function(), frame.name(), () -> opener + ": " + socket);
    Path module = Path.of(frame.json().path("module").asText());
    assertEquals(opener.module(), module.getFileName().toString());
    assertEquals("complete", socket.origin().json().path("javaStack").asText(), socket::toString);
    if (opener.function().startsWith("inn_") && !opener.function().startsWith("inn_needed")) {
      // "again" calls from a method of its own.
      assertTrue(
          socket.origin().javaFrames().stream()
              .anyMatch(
                  java ->
                      java.name().equals(App.WAYFARER.mainClass() + ".again")
                          || java.line() == App.WAYFARER.line("stay")),
          () -> socket + "\n" + socket.origin().stack());
    }
  }
}
