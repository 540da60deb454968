package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.fdorigin.harness.Build;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresHotspot;
import org.fdorigin.harness.Shell;

/** What {@code fdorigin doctor} says of a JVM is what happens in it. */
@RequiresAgent
class DoctorTest {

  @EachJdk
  @RequiresHotspot
  void aJvmInWhichAllWorksIsFoundSo(Jdk jdk) throws IOException {
    Path temporary = Build.newWorkFolder("doctor");
    Shell.Result said = doctor(jdk, "env", "TMPDIR=" + temporary);
    assertEquals(0, said.status(), said::toString);
    JsonNode findings = findings(said);
    assertVerdict("ok", findings, "java");
    assertVerdict("ok", findings, "agent");
    assertVerdict("ok", findings, "libc");
    assertVerdict("ok", findings, "stacks");
    assertVerdict("ok", findings, "attach");
    // No CRaC JDK is among those of the tests.
    assertVerdict("warning", findings, "checkpoint");
    try (Stream<Path> left = Files.list(temporary)) {
      assertEquals(List.of(), left.toList());
    }
  }

  @EachJdk(17)
  void whatDoesNotWorkIsAProblemAndTheStatusOne(Jdk jdk) throws IOException {
    Path notAnAgent = Files.writeString(Build.newWorkFolder("doctor").resolve("a.so"), "text");
    Shell.Result noAgent =
        Shell.fdorigin("doctor", "--json", "--java", jdk.home(), "--agent", notAnAgent).end();
    assertEquals(1, noAgent.status(), noAgent::toString);
    assertVerdict("problem", findings(noAgent), "agent");

    Shell.Result noAttach =
        doctor(jdk, "env", "JDK_JAVA_OPTIONS=-XX:+DisableAttachMechanism");
    assertEquals(1, noAttach.status(), noAttach::toString);
    assertVerdict("problem", findings(noAttach), "attach");
    assertVerdict("ok", findings(noAttach), "agent");

    Shell.Result fewNumbers = doctor(jdk, "prlimit", "--nofile=200:300");
    assertEquals(0, fewNumbers.status(), fewNumbers::toString);
    assertVerdict("warning", findings(fewNumbers), "limit");

    Shell.Result noJava =
        Shell.begin(
                List.of("env", "-u", "JAVA_HOME", "PATH=/nonexistent",
                    Build.command().toString(), "doctor", "--json"))
            .end();
    assertEquals(1, noJava.status(), noJava::toString);
    assertVerdict("problem", findings(noJava), "java");
  }

  private static Shell.Result doctor(Jdk jdk, String... under) throws IOException {
    List<String> line = new ArrayList<>(Arrays.asList(under));
    line.addAll(
        List.of(Build.command().toString(), "doctor", "--json", "--java", jdk.java().toString()));
    return Shell.begin(line).end();
  }

  private static JsonNode findings(Shell.Result said) throws IOException {
    return new ObjectMapper().readTree(String.join("\n", said.out())).path("findings");
  }

  private static void assertVerdict(String verdict, JsonNode findings, String topic) {
    List<String> verdicts =
        StreamSupport.stream(findings.spliterator(), false)
            .filter(finding -> finding.path("topic").asText().equals(topic))
            .map(finding -> finding.path("verdict").asText())
            .toList();
    assertEquals(List.of(verdict), verdicts, findings::toPrettyString);
  }
}
