package org.fdorigin.tests;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.net.URLEncoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
import org.fdorigin.harness.Testimony;
import org.junit.jupiter.api.Tag;

/**
 * Code is named as it was when it opened, whatever has become of it since and whatever it is
 * called.
 */
@RequiresAgent
@RequiresStandin
@Tag("stacks")
class LastingNamesTest {

  private static final String SCROLL = App.CHRONICLER.mainClass() + "$Scroll";
  private static final int LONGEST = 4095; // bytes of a name that are kept

  private static final List<String> ODD =
      List.of(
          "größe",
          "日本語",
          "🐈‍⬛",
          "a𝒳b",
          "two words",
          "\"quoted\\\"",
          "'`&,!=",
          "line\nbreak\ttab",
          "bell\u0007\u001b(0",
          "nul\0inside",
          "\u007f\u0085\u2028\ufeff",
          "$",
          "-",
          "{\"json\": true}",
          "𝒳".repeat(500),
          "x".repeat(1000));

  private JvmUnderTest jvm;
  private Kernel kernel;
  private Report report;

  @EachJdk
  void aClassThatIsUnloadedKeepsItsNames(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder = chronicler(jdk);
    Path log = builder.folder().resolve("unloaded.txt");
    try (JvmUnderTest started =
        builder.jvm("-Xlog:class+unload=info:file=" + log + "::filecount=0").start()) {
      jvm = started;
      jvm.ready();
      Map<String, String> answer = jvm.command("mayfly");
      assertEquals("true", answer.get("cleared"), "the loader is still there");
      String mayfly = App.CHRONICLER.mainClass() + "$Mayfly";
      assertTrue(Files.readString(log).contains("unloading class " + mayfly + " "));
      Testimony said = Testimony.parse(answer.get("opened"));
      reportOn();
      Report.Call origin = checkComplete(said);
      Report.Frame frame = origin.frame(mayfly + ".flyAtDuskEightyOne");
      assertEquals(App.CHRONICLER.line("mayfly"), frame.line());
      assertEquals(App.CHRONICLER.file(), frame.json().path("file").asText());
      assertEquals("()Ljava/lang/String;", frame.json().path("signature").asText());
      assertEquals(frame.name(), report.descriptor(said.fd(kernel)).culprit().name());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk
  void aClassThatIsRedefinedKeepsTheLinesOfEachTime(Jdk jdk) throws IOException {
    try (JvmUnderTest started = chronicler(jdk).start()) {
      jvm = started;
      jvm.ready();
      Testimony original = scroll();
      jvm.command("redefine");
      Testimony redefined = scroll();
      jvm.command("retransform");
      Testimony retransformed = scroll();
      reportOn();
      int line = App.CHRONICLER.line("scroll");
      checkLine(original, ".writeEightyTwo", line);
      checkLine(redefined, ".writeEightyTwo", line + 1000);
      checkLine(retransformed, ".writeEightyTwo", line + 3000);
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** It goes on as it was, and opens. */
  @EachJdk
  @RequiresHotspot
  void aMethodThatRunsWhileItIsRedefinedKeepsItsLines(Jdk jdk) throws IOException {
    try (JvmUnderTest started = chronicler(jdk).start()) {
      jvm = started;
      jvm.ready();
      Map<String, String> answer = jvm.command("rewrite");
      reportOn();
      String method = SCROLL + ".writeOverEightyThree";
      Report.Call before = Testimony.parse(answer.get("before")).origin(report, kernel);
      Report.Call after = Testimony.parse(answer.get("after")).origin(report, kernel);
      Report.Call later = Testimony.parse(answer.get("later")).origin(report, kernel);
      assertEquals(App.CHRONICLER.line("before"), before.frame(method).line());
      assertEquals(App.CHRONICLER.line("after"), after.frame(method).line());
      assertEquals(App.CHRONICLER.line("after") + 4000, later.frame(method).line());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk
  @RequiresHotspot
  void oddNamesAreAsAThrowableHasThem(Jdk jdk) throws IOException {
    checkNames(jdk, ODD);
  }

  /** A digit or a plus sign is what the suffixes of hidden classes begin with. */
  @EachJdk
  @RequiresHotspot
  void namesLikeThoseOfHiddenClassesAreAsAThrowableHasThem(Jdk jdk) throws IOException {
    checkNames(jdk, List.of("1", "0x00007f0000000000", "c++", "a+b", "lambda+0x1", "+"));
  }

  private void checkNames(Jdk jdk, List<String> names) throws IOException {
    try (JvmUnderTest started = chronicler(jdk).app("--names=" + encoded(names)).start()) {
      jvm = started;
      jvm.ready();
      List<Testimony> said = Testimony.parseAll(jvm.command("odd").get("opened"));
      reportOn();
      assertEquals(names.size(), said.size());
      for (int i = 0; i < said.size(); i++) {
        String name = names.get(i);
        Report.Call origin = checkComplete(said.get(i));
        Report.Frame frame = origin.frame("odd." + name + "." + name);
        assertEquals(84, frame.line());
        assertEquals(name, frame.json().path("file").asText());
      }
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  /** No half of a character is left where a name is cut. */
  @EachJdk(25)
  @RequiresHotspot
  void aNameThatIsTooLongIsCutBetweenCharacters(Jdk jdk) throws IOException {
    String name = "x" + "ü𝒳".repeat(1000); // two bytes, and six in the VM
    try (JvmUnderTest started = chronicler(jdk).app("--names=" + encoded(List.of(name))).start()) {
      jvm = started;
      jvm.ready();
      Testimony said = Testimony.parse(jvm.command("odd").get("opened"));
      reportOn();
      Report.Call origin = said.origin(report, kernel);
      Report.Frame frame =
          origin.javaFrames().stream()
              .filter(one -> one.json().path("class").asText().startsWith("odd."))
              .findFirst()
              .orElseThrow();
      String kept = frame.json().path("method").asText();
      assertTrue(name.startsWith(kept), () -> "not its beginning: " + kept);
      int whole = (LONGEST - 1) / 8;
      assertTrue(kept.codePointCount(0, kept.length()) >= 1 + 2 * whole, kept);
      assertEquals(84, frame.line());
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  @EachJdk
  @RequiresHotspot
  void aLibraryThatIsUnloadedAndDeletedKeepsItsNames(Jdk jdk) throws Exception {
    JvmUnderTest.Builder builder = chronicler(jdk);
    Path original = Build.natives().resolve("libinn_plain.so");
    Path guest = builder.folder().resolve("libguest.so");
    Files.copy(original, guest);
    try (JvmUnderTest started =
        builder
            .app("--library=" + Build.natives().resolve("libferryman.so"), "--guest=" + guest)
            .start()) {
      jvm = started;
      jvm.ready();
      Testimony said = Testimony.parse(jvm.command("library").get("opened"));
      assertFalse(Files.exists(guest));
      assertFalse(
          Files.readString(Path.of("/proc/" + jvm.pid() + "/maps")).contains("libguest.so"));
      reportOn();
      Report.Call origin = checkComplete(said);
      Report.Frame frame = origin.stack().get(0);
      assertEquals(guest.toString(), frame.json().path("module").asText());
      assertEquals(match("Build ID: ([0-9a-f]+)", readelf("-n", original)).group(1),
          frame.json().path("buildId").asText());
      Matcher symbol =
          match("([0-9a-f]{16}) +(\\d+) FUNC .* inn_plain_socket\\b", readelf("-sW", original));
      long start = Long.parseLong(symbol.group(1), 16);
      long offset = frame.json().path("offset").asLong();
      assertTrue(
          offset > start && offset < start + Long.parseLong(symbol.group(2)), frame::toString);
      assertEquals(0, jvm.exit(), jvm::transcript);
    }
  }

  private static JvmUnderTest.Builder chronicler(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder = JvmUnderTest.of(jdk, App.CHRONICLER);
    Path jar = builder.folder().resolve("agent.jar");
    Manifest manifest = new Manifest();
    Attributes attributes = manifest.getMainAttributes();
    attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    attributes.putValue("Premain-Class", App.CHRONICLER.mainClass());
    attributes.putValue("Can-Redefine-Classes", "true");
    attributes.putValue("Can-Retransform-Classes", "true");
    try (OutputStream out = Files.newOutputStream(jar)) {
      new JarOutputStream(out, manifest).close();
    }
    return builder
        .agent()
        .standin(Generation.G3)
        .jvm("-javaagent:" + jar, "-XX:+UseSerialGC")
        .jvm("-XX:+UnlockDiagnosticVMOptions", "-XX:+ShowHiddenFrames")
        .app("--hold");
  }

  private Testimony scroll() {
    return Testimony.parse(jvm.command("scroll").get("opened"));
  }

  private void reportOn() throws IOException {
    kernel = Kernel.of(jvm.pid());
    Attempt attempt = jvm.checkpoint(1);
    assertTrue(attempt.failed(), jvm::transcript);
    report = jvm.report(1);
    FailureJoin.check(report, attempt, kernel);
  }

  private void checkLine(Testimony said, String method, int line) {
    assertEquals(line, checkComplete(said).frame(SCROLL + method).line());
  }

  private Report.Call checkComplete(Testimony said) {
    Report.Call origin = said.origin(report, kernel);
    assertEquals("complete", origin.json().path("javaStack").asText());
    assertEquals(said.frames(), said.below(origin));
    return origin;
  }

  private static String encoded(List<String> names) {
    return String.join(",", names.stream().map(name -> URLEncoder.encode(name, UTF_8)).toList());
  }

  private static Matcher match(String pattern, String text) {
    Matcher matcher = Pattern.compile(pattern).matcher(text);
    assertTrue(matcher.find(), () -> pattern + " is not in " + text);
    return matcher;
  }

  private static String readelf(String what, Path file) throws Exception {
    Process readelf = new ProcessBuilder("readelf", what, file.toString()).start();
    String text = new String(readelf.getInputStream().readAllBytes(), UTF_8);
    assertEquals(0, readelf.waitFor());
    return text;
  }
}
