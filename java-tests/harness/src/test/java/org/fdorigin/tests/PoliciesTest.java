package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.fdorigin.harness.App;
import org.fdorigin.harness.Attempt;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;
import org.fdorigin.harness.Shell;

/**
 * The rules that {@code fdorigin policies} drafts, read by CRaC's published grammar and with the
 * matchers of the JDK that CRaC uses, fit what the checkpoint complained of, and nothing beside.
 */
@RequiresAgent
@RequiresStandin
class PoliciesTest {

  private static final String ODD = " *?{x,y}[0-9]\\ #: --- é ";

  @EachJdk(17)
  void theDraftHasARuleForEachThatJavaOwns(Jdk jdk) throws IOException {
    JvmUnderTest.Builder builder =
        JvmUnderTest.of(jdk, App.BAZAAR).agent().standin(Generation.G3).jvm("-Dfile.encoding=UTF-8");
    Path odd = Files.writeString(builder.folder().resolve(ODD), "x");
    builder.environment("LC_ALL", "C.UTF-8");
    builder.app("--stalls=listener,connection,datagram,unbound,file,pipe", "--file=" + odd);
    try (JvmUnderTest bazaar = builder.start()) {
      Map<String, String> ready = bazaar.ready();
      Attempt attempt = bazaar.checkpoint(1);
      assertTrue(attempt.failed(), bazaar::transcript);
      Shell.Result draft = Shell.fdorigin("policies", bazaar.reportFile(1)).end();
      assertEquals(0, draft.status(), draft::toString);
      List<Map<String, String>> rules = parse(draft.out());

      assertEquals(
          Map.of("type", "socket", "localPort", ready.get("listener"), "listening", "true",
              "action", "reopen"),
          only(rules, "listening", "true"));
      assertEquals(
          Map.of("type", "socket", "localPort", ready.get("accepted"), "listening", "false",
              "action", "close"),
          only(rules, "listening", "false"));
      Map<String, String> client = only(rules, "remotePort", ready.get("accepted"));
      assertTrue(InetAddress.getByName(client.get("remoteAddress")).isLoopbackAddress());
      assertEquals("close", client.get("action"));
      assertEquals(
          Map.of("type", "socket", "localPort", ready.get("datagram"), "action", "close"),
          only(rules, "localPort", ready.get("datagram")));

      Map<String, String> file = only(rules, "type", "file");
      var matcher = FileSystems.getDefault().getPathMatcher("glob:" + file.get("path"));
      assertTrue(matcher.matches(odd), file::toString);
      assertFalse(matcher.matches(odd.resolveSibling(ODD.replace("*", "z"))), file::toString);
      assertFalse(matcher.matches(odd.resolveSibling(ODD.strip())), file::toString);
      assertEquals("reopen", file.get("action"));

      // As the stand-in says it: ends of a pipe are raw FileDescriptors, and have one description.
      List<String> raw =
          attempt.exception().suppressed().stream()
              .map(Attempt.Failure::message)
              .filter(message -> message.startsWith("FileDescriptor "))
              .map(message -> message.substring(message.indexOf(": ") + 2))
              .toList();
      assertEquals(2, raw.size(), raw::toString);
      Map<String, String> pipe = only(rules, "type", "filedescriptor");
      for (String description : raw) {
        assertTrue(Pattern.compile(pipe.get("regex")).matcher(description).find());
        assertFalse(Pattern.compile(pipe.get("regex")).matcher(description + "0").find());
      }
      assertEquals(6, rules.size(), rules::toString);
      // The unbound one has nothing to be told by.
      assertTrue(
          draft.out().contains("# Out of the reach of policies: 1 descriptor."), draft::toString);
      assertEquals(0, bazaar.exit(), bazaar::transcript);
    }
  }

  private static Map<String, String> only(
      List<Map<String, String>> rules, String key, String value) {
    List<Map<String, String>> found =
        rules.stream().filter(rule -> value.equals(rule.get(key))).toList();
    // The listener of a connection and its accepted end have the same port.
    List<Map<String, String>> exact =
        found.size() > 1
            ? found.stream().filter(rule -> !rule.containsKey("listening")).toList()
            : found;
    assertEquals(1, exact.size(), () -> key + ": " + value + " in " + rules);
    return exact.get(0);
  }

  /** Rules between lines of three hyphens; a colon and a blank divide key and value. */
  private static List<Map<String, String>> parse(List<String> lines) {
    List<Map<String, String>> rules = new ArrayList<>();
    rules.add(new LinkedHashMap<>());
    for (String untrimmed : lines) {
      String line = untrimmed.trim();
      if (line.equals("---")) {
        rules.add(new LinkedHashMap<>());
      } else if (!line.isEmpty() && !line.startsWith("#")) {
        int colon = line.indexOf(": ");
        assertTrue(colon > 0, line);
        rules
            .get(rules.size() - 1)
            .put(line.substring(0, colon).trim(), line.substring(colon + 2).trim());
      }
    }
    rules.forEach(rule -> assertTrue(rule.containsKey("type") && rule.containsKey("action")));
    return rules;
  }
}
