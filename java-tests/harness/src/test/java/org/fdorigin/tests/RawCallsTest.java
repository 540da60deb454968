package org.fdorigin.tests;

import static org.fdorigin.harness.JvmUnderTest.number;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
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
import org.fdorigin.harness.RequiresStandin;
import org.junit.jupiter.api.Tag;

/** What no hook can see is said to be unseen, with a reason; nobody else is named for it. */
@RequiresAgent
@RequiresStandin
@Tag("matrix")
class RawCallsTest {

  @EachJdk
  void aSocketMadeByAnInstructionIsUntraced(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = start(jdk)) {
      checkUntraced(jvm, number(jvm.command("smuggle"), "fd"), "not seen by any hook");
    }
  }

  /** The number's record is of a socket that is no more: its inode says so. */
  @EachJdk
  void aNumberThatWasReopenedUnseenIsNotThePreviousOwners(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = start(jdk)) {
      Map<String, String> swap = jvm.command("swap");
      assertEquals(0, number(swap, "closed"));
      int fd = number(swap, "fd");
      assertEquals(number(swap, "declared"), fd, "the kernel gives the lowest free number");
      checkUntraced(jvm, fd, "closed and reopened unseen");
    }
  }

  private static void checkUntraced(JvmUnderTest jvm, int fd, String reason) throws IOException {
    Kernel kernel = Kernel.of(jvm.pid());
    Attempt attempt = jvm.checkpoint(1);
    assertTrue(attempt.failed(), jvm::transcript);
    Report report = jvm.report(1);
    FailureJoin.check(report, attempt, kernel);
    Report.Descriptor socket = report.descriptor(fd);
    assertEquals(kernel.inode(fd), socket.json().path("inode").asLong());
    assertEquals("untraced", socket.attribution(), socket::toString);
    String said = socket.json().path("reason").asText();
    assertTrue(said.startsWith(reason), socket::toString);
    // Of this application's libraries only one has such instructions.
    Path library = Build.natives().resolve("libsmuggler.so").toRealPath();
    String way = "made by a raw syscall instruction, as there are in " + library;
    assertTrue(said.endsWith(way), socket::toString);
    assertFalse(socket.json().has("origin"), socket::toString);
    assertFalse(socket.hasCulprit(), socket::toString);
    assertEquals(0, jvm.exit(), jvm::transcript);
  }

  private static JvmUnderTest start(Jdk jdk) throws IOException {
    JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.SMUGGLER)
            .agent()
            .standin(Generation.G3)
            .app("--hold", "--library=" + Build.natives().resolve("libsmuggler.so"))
            .start();
    jvm.ready();
    return jvm;
  }
}
