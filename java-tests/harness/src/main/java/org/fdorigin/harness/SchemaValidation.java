package org.fdorigin.harness;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Every report that a test reads is measured by the published schema first, and more strictly than
 * a reader would: a key that the schema does not have is a violation here.
 */
public final class SchemaValidation {

  private SchemaValidation() {}

  private static final class Holder {
    static final JsonSchema SCHEMA = load();

    private static JsonSchema load() {
      try {
        JsonNode schema = new ObjectMapper().readTree(Build.schema().toFile());
        close(schema);
        return JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012).getSchema(schema);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** Keys may be added within schemaVersion 1.x, so the schema itself does not forbid them. */
  private static void close(JsonNode schema) {
    if (schema.path("type").asText().equals("object")) {
      ((ObjectNode) schema).put("unevaluatedProperties", false);
    }
    schema.forEach(SchemaValidation::close);
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
