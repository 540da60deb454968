package org.fdorigin.tests;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import org.fdorigin.harness.App;
import org.fdorigin.harness.EachJdk;
import org.fdorigin.harness.Generation;
import org.fdorigin.harness.Jdk;
import org.fdorigin.harness.JvmUnderTest;
import org.fdorigin.harness.RequiresAgent;
import org.fdorigin.harness.RequiresStandin;
import org.fdorigin.harness.SchemaValidation;
import org.junit.jupiter.api.Tag;

/** The schema that every other test leans on says no where it should. */
@RequiresAgent
@RequiresStandin
@Tag("descriptors")
class SchemaTest {

  @EachJdk(17)
  void aDamagedReportDoesNotFollowTheSchema(Jdk jdk) throws IOException {
    try (JvmUnderTest jvm =
        JvmUnderTest.of(jdk, App.TURNSTILE).agent().standin(Generation.G3).app("--hold").start()) {
      jvm.ready();
      jvm.command("open");
      assertTrue(jvm.checkpoint(1).failed(), jvm::transcript);
      ObjectNode good = (ObjectNode) jvm.report(1).json();
      Path file = jvm.reportFile(1);

      for (String key :
          new String[] {
            "schemaVersion",
            "tool",
            "createdAt",
            "trigger",
            "process",
            "coverage",
            "descriptors",
            "stacks"
          }) {
        ObjectNode without = good.deepCopy();
        without.remove(key);
        refuse(file, without);
      }
      ObjectNode kind = good.deepCopy();
      ((ObjectNode) kind.get("trigger")).put("kind", "curiosity");
      refuse(file, kind);
      ObjectNode number = good.deepCopy();
      ((ObjectNode) number.get("descriptors").get(0)).put("fd", "three");
      refuse(file, number);
      ObjectNode attribution = good.deepCopy();
      ((ObjectNode) attribution.get("descriptors").get(0)).put("attribution", "rumoured");
      refuse(file, attribution);
      for (String place :
          new String[] {
            "", "/trigger/exception/suppressed/0", "/descriptors/0", "/stacks/0/frames/0"
          }) {
        ObjectNode unknown = good.deepCopy();
        ((ObjectNode) unknown.at(place)).put("gossip", "of which the schema knows nothing");
        refuse(file, unknown);
      }
      SchemaValidation.check(file, new ObjectMapper().readTree(file.toFile()));
    }
  }

  private static void refuse(Path file, ObjectNode report) {
    assertThrows(AssertionError.class, () -> SchemaValidation.check(file, report));
  }
}
