package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
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

/**
 * Sockets made in signal handlers, at the ends of threads, in events of the JVM and before its
 * birth are attributed to the native function and thread that made them, which the library that did
 * it knows; Java frames are there where they can be had, and else the reason. After the JVM's death
 * the process ends as it would have without the agent.
 */
@RequiresAgent
@RequiresStandin
class HostileCallersTest {

  private static final String COMPLETE = "complete";
  private static final String NONE = "none";
  private static final String STARTING = "the JVM was still starting";
  private static final String IN_HANDLER = "the call was made in a signal handler";
  private static final String NOT_IN_NATIVE =
      "the thread was not in native code, where alone its Java frames can be walked";

  private static final String ENTER = App.HAUNT.mainClass() + ".enterByDoorSeventySeven";

  /** What the library says of a socket: its function, its number, its thread. */
  private record Opening(String function, int fd, long tid) {
    /** {@code FUNCTION:FD:TID} */
    static Opening parse(String text) {
      String[] part = text.split(":");
      return new Opening(part[0], Integer.parseInt(part[1]), Long.parseLong(part[2]));
    }
  }

  private final Map<String, Opening> openings = new LinkedHashMap<>();
  private Kernel kernel;
  private Report report;

  @EachJdk
  @RequiresHotspot
  void eachIsTracedAtLibcsEntries(Jdk jdk) throws IOException {
    visitAll(jdk, "libc=on");
    checkTraced("apparition_appear", "java", COMPLETE);
  }

  @EachJdk(17)
  @RequiresHotspot
  void eachIsTracedThroughSlots(Jdk jdk) throws IOException {
    visitAll(jdk, "libc=off");
    // A library's slots can be redirected only once it is loaded: its constructors are not seen.
    Report.Descriptor socket = find("apparition_appear");
    assertEquals("untraced", socket.attribution(), socket::toString);
    assertFalse(socket.json().has("origin"), socket::toString);
  }

  private void visitAll(Jdk jdk, String option) throws IOException {
    try (JvmUnderTest jvm =
        haunt(jdk).agent(option).jvm(hauntAgent()).app("--early=3").start()) {
      jvm.ready();
      // "plain" comes first: from then on the frames of all commands have their jmethodIDs.
      for (String door :
          List.of(
              "early",
              "plain",
              "signal",
              "small-stack",
              "interrupted-java",
              "guest-end",
              "java-end",
              "unattached",
              "daemon",
              "collection",
              "compilation",
              "repeated-compilation",
              "library")) {
        take(jvm.command(door));
      }
      reportOn(jvm);

      checkTraced("haunt_in_agent_on_load", "vm", STARTING);
      checkTraced("haunt_in_vm_start", "vm", STARTING);
      checkTraced("haunt_in_vm_init", "java", NONE);
      checkEntered("haunt_plainly", COMPLETE);
      checkEntered("haunt_in_signal_handler", COMPLETE);
      checkEntered("haunt_on_small_signal_stack", IN_HANDLER);
      checkTraced("haunt_in_interrupted_java", "java", NOT_IN_NATIVE);
      checkTraced("haunt_in_key_destructor_of_guest", "native", NONE);
      checkTraced("haunt_in_thread_destructor_of_guest", "native", NONE);
      checkTraced("haunt_in_key_destructor_of_java_thread", "native", NONE);
      checkTraced("haunt_in_thread_destructor_of_java_thread", "native", NONE);
      checkTraced("haunt_on_unattached_thread", "native", NONE);
      checkTraced("haunt_on_daemon", "java", NONE);
      assertEquals("haunt-daemon", thread("haunt_on_daemon"));
      Report.Call called = checkTraced("haunt_called_back", "java", COMPLETE);
      assertEquals(
          App.HAUNT.line("called-back"),
          called.frame(App.HAUNT.mainClass() + ".callBackSeventyEight").line());
      // From the socket to the thread's start, native code above, between and below in its place.
      assertInOrder(
          called,
          "haunt_called_back",
          "Java_org_fdorigin_apps_probes_Haunt_enter",
          App.HAUNT.mainClass() + ".enter",
          App.HAUNT.mainClass() + ".callBackSeventyEight",
          "jni_CallStaticVoidMethod",
          "BeDaemon",
          "start_thread");
      checkTraced("haunt_in_collection_start", "vm", NONE);
      checkTraced("haunt_in_collection_finish", "vm", NONE);
      checkTraced("haunt_in_compiled_load", "vm", NONE);
      checkEntered("haunt_in_repeated_compiled_load", COMPLETE);
      checkTraced("apparition_vanish", "java", COMPLETE);
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertUnharmed(jvm);
    }
  }

  /** What it opened at its loading was there before us; what it opened later was not. */
  @EachJdk
  void anAgentThatWasLoadedBeforeOursHasInheritedDescriptors(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm = haunt(jdk).jvm(hauntAgent()).agent().app("--early=3").start()) {
      jvm.ready();
      take(jvm.command("early"));
      reportOn(jvm);
      Report.Descriptor early = find("haunt_in_agent_on_load");
      assertEquals("inherited", early.attribution(), early::toString);
      assertFalse(early.json().has("origin"), early::toString);
      checkTraced("haunt_in_vm_start", "vm", STARTING);
      // Its VMInit comes before ours.
      checkTraced("haunt_in_vm_init", "vm", STARTING);
      assertEquals(0, jvm.exit(), jvm::transcript);
      assertUnharmed(jvm);
    }
  }

  @EachJdk
  void threadsAndExitHandlersThatOutliveTheVmDoNotKeepTheProcess(Jdk jdk) throws IOException {
    outlive(jdk, "exit", 0);
  }

  @EachJdk
  void threadsAndExitHandlersThatOutliveSystemExitKeepItsStatus(Jdk jdk) throws IOException {
    outlive(jdk, "quit", 37);
  }

  private static void outlive(Jdk jdk, String end, int status) throws IOException {
    try (JvmUnderTest jvm = haunt(jdk).agent().start()) {
      jvm.ready();
      jvm.command("outlive");
      jvm.tell(end);
      assertEquals(status, jvm.awaitExit(), jvm::transcript);
      // Written by the handler, after it had waited for sockets that were made after VMDeath.
      Path outlived = jvm.folder().resolve("outlived.txt");
      assertTrue(Files.exists(outlived), jvm::transcript);
      assertTrue(Integer.parseInt(Files.readString(outlived).strip()) >= 200);
      assertUnharmed(jvm);
    }
  }

  private static JvmUnderTest.Builder haunt(Jdk jdk) throws IOException {
    return JvmUnderTest.of(jdk, App.HAUNT)
        .standin(Generation.G3)
        .app("--hold", "--library=" + library());
  }

  private static Path library() {
    return Build.natives().resolve("libhaunt.so");
  }

  private static String hauntAgent() {
    return "-agentpath:" + library();
  }

  private void take(Map<String, String> answer) {
    for (String text : answer.get("opened").split(",")) {
      Opening opening = Opening.parse(text);
      openings.put(opening.function(), opening);
    }
  }

  private void reportOn(JvmUnderTest jvm) throws IOException {
    kernel = Kernel.of(jvm.pid());
    Attempt attempt = jvm.checkpoint(1);
    assertTrue(attempt.failed(), jvm::transcript);
    report = jvm.report(1);
    FailureJoin.check(report, attempt, kernel);
    assertEquals(0, report.json().path("coverage").path("dropped").asLong());
  }

  private Report.Descriptor find(String function) {
    Opening opening = openings.get(function);
    if (opening == null) {
      throw new AssertionError(function + " is not among " + openings.keySet());
    }
    Report.Descriptor socket = report.descriptor(opening.fd());
    assertEquals(kernel.inode(opening.fd()), socket.json().path("inode").asLong());
    return socket;
  }

  private String thread(String function) {
    return find(function).origin().json().path("thread").path("name").asText();
  }

  private Report.Call checkTraced(String function, String kind, String javaStack) {
    Report.Descriptor socket = find(function);
    assertEquals("traced", socket.attribution(), socket::toString);
    Report.Call origin = socket.origin();
    assertEquals("socket", origin.call());
    assertEquals(function, origin.stack().get(0).name(), () -> socket + "\n" + origin.stack());
    assertEquals(openings.get(function).tid(), origin.json().path("thread").path("tid").asLong());
    assertEquals(kind, origin.json().path("thread").path("kind").asText(), socket::toString);
    assertEquals(javaStack, origin.json().path("javaStack").asText(), socket::toString);
    assertEquals(javaStack.equals(COMPLETE), !origin.javaFrames().isEmpty(), socket::toString);
    return origin;
  }

  /** These are frames of the call, in this order, and nothing is left out between its frames. */
  private static void assertInOrder(Report.Call call, String... names) {
    List<String> stack = call.stack().stream().map(Report.Frame::name).toList();
    int from = 0;
    for (String name : names) {
      int found = stack.subList(from, stack.size()).indexOf(name);
      assertTrue(found >= 0, () -> name + " is missing, or not in its place: " + stack);
      from += found + 1;
    }
    assertTrue(
        call.stack().stream().noneMatch(frame -> frame.json().has("gap")), () -> stack.toString());
  }

  /** On the main thread, below the method that every command goes through. */
  private void checkEntered(String function, String javaStack) {
    Report.Call origin = checkTraced(function, "java", javaStack);
    if (javaStack.equals(COMPLETE)) {
      assertEquals(App.HAUNT.line("enter"), origin.frame(ENTER).line());
      assertInOrder(
          origin, function, ENTER, App.HAUNT.mainClass() + ".main", "JavaMain", "start_thread");
    }
  }

  private static void assertUnharmed(JvmUnderTest jvm) throws IOException {
    for (String file : jvm.files()) {
      assertFalse(file.startsWith("hs_err") || file.startsWith("core"), jvm::transcript);
    }
  }
}
