package org.fdorigin.harness;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;

/** Every report that a test reads is measured by the published schema first. */
public final class SchemaValidation {

  private SchemaValidation() {}

  private static final class Holder {
    static final JsonSchema SCHEMA = load();

    private static JsonSchema load() {
      try {
        return JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
            .getSchema(new ObjectMapper().readTree(Build.schema().toFile()));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** Fails with every violation where the report does not follow the schema. */
  public static void check(Path file, JsonNode report) {
    Set<ValidationMessage> violations = Holder.SCHEMA.validate(report);
    if (!violations.isEmpty()) {
      throw new AssertionError(
          file
              + " does not follow the schema:\n"
              + violations.stream().map(Object::toString).collect(Collectors.joining("\n")));
    }
  }
}
