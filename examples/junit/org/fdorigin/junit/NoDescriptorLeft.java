package org.fdorigin.junit;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.StringJoiner;
import org.fdorigin.FdOrigin;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.function.Executable;

/**
 * Fails a test that leaves a descriptor open, and says who opened it:
 *
 * <pre>
 * &#64;ExtendWith(NoDescriptorLeft.class)
 * class OrdersTest { ... }
 * </pre>
 *
 * or, of a block of code alone, {@code NoDescriptorLeft.by(() -> orders.load())}. The JVM of the
 * tests needs {@code -agentpath:/path/libfdorigin.so=on=none,summary=off}; without it nothing is
 * checked. Tests that run at the same time in one JVM see each other's descriptors.
 *
 * <p>What is opened once for the whole JVM, by class loaders and by static initializers of the JDK,
 * stays open and is not counted.
 */
public final class NoDescriptorLeft implements BeforeEachCallback, AfterEachCallback {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(NoDescriptorLeft.class);

  /** Runs the block and asserts that it leaves no descriptor open. */
  public static void by(Executable block) throws Throwable {
    if (!FdOrigin.isLoaded()) {
      block.execute();
      return;
    }
    Set<String> before = openNow(report());
    block.execute();
    check(before);
  }

  @Override
  public void beforeEach(ExtensionContext context) throws IOException {
    if (FdOrigin.isLoaded()) {
      context.getStore(NAMESPACE).put("before", openNow(report()));
    }
  }

  @Override
  public void afterEach(ExtensionContext context) throws IOException {
    Object before = context.getStore(NAMESPACE).remove("before");
    if (before != null) {
      check((Set<?>) before);
    }
  }

  private static void check(Set<?> before) throws IOException {
    JsonNode report = report();
    StringJoiner left = new StringJoiner("\n  ", "left open:\n  ", "");
    left.setEmptyValue("");
    for (JsonNode descriptor : report.path("descriptors")) {
      if (!before.contains(identity(descriptor)) && !isOpenedForGood(report, descriptor)) {
        left.add(describe(descriptor));
      }
    }
    if (left.length() > 0) {
      Assertions.fail(left.toString());
    }
  }

  private static JsonNode report() throws IOException {
    Path file = Files.createTempFile("fdorigin", ".json");
    try {
      FdOrigin.report(file);
      return JSON.readTree(Files.readAllBytes(file));
    } finally {
      Files.delete(file);
    }
  }

  private static Set<String> openNow(JsonNode report) {
    Set<String> open = new HashSet<>();
    report.path("descriptors").forEach(descriptor -> open.add(identity(descriptor)));
    return open;
  }

  /** A number that was closed and opened again is another descriptor, even of the same file. */
  private static String identity(JsonNode descriptor) {
    return descriptor.path("fd").asText()
        + " "
        + descriptor.path("inode").asText()
        + " "
        + descriptor.path("origin").path("at").asText();
  }

  private static boolean isOpenedForGood(JsonNode report, JsonNode descriptor) {
    for (JsonNode stack : report.path("stacks")) {
      if (stack.path("id").equals(descriptor.path("origin").path("stack"))) {
        for (JsonNode frame : stack.path("frames")) {
          String type = frame.path("class").asText();
          boolean initializer = frame.path("method").asText().equals("<clinit>");
          if (type.equals("java.lang.ClassLoader")
              || initializer && type.matches("(java|jdk|sun)\\..*")) {
            return true;
          }
        }
      }
    }
    return false;
  }

  /** For example {@code fd 12 file /tmp/orders: open64() by org.acme.Orders.load(Orders.java:40)}. */
  private static String describe(JsonNode descriptor) {
    StringBuilder text = new StringBuilder("fd ").append(descriptor.path("fd").asInt());
    text.append(' ').append(descriptor.path("kind").asText());
    text.append(' ').append(descriptor.path("target").asText());
    String local = descriptor.path("socket").path("local").asText();
    if (!local.isEmpty()) {
      text.append(' ').append(local);
    }
    if (descriptor.has("origin")) {
      text.append(": ").append(descriptor.path("origin").path("call").asText()).append("()");
    } else {
      text.append(": ").append(descriptor.path("reason").asText());
    }
    JsonNode culprit = descriptor.path("culprit");
    if (culprit.has("class")) {
      text.append(" by ").append(culprit.path("class").asText());
      text.append('.').append(culprit.path("method").asText());
      text.append('(').append(culprit.path("file").asText());
      text.append(':').append(culprit.path("line").asInt()).append(')');
    } else if (culprit.has("module")) {
      text.append(" by ").append(culprit.path("symbol").asText());
      text.append(" in ").append(culprit.path("module").asText());
    }
    return text.toString();
  }
}
