package org.fdorigin.harness;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/** A report as the tests ask about it. A question to which it has no answer fails the test. */
public final class Report {

  private final Path file;
  private final JsonNode root;
  private final Map<String, List<Frame>> stacks = new HashMap<>();
  private final List<Descriptor> descriptors = new ArrayList<>();

  private Report(Path file, JsonNode root) {
    this.file = file;
    this.root = root;
    for (JsonNode stack : root.path("stacks")) {
      List<Frame> frames = new ArrayList<>();
      stack.path("frames").forEach(frame -> frames.add(new Frame(frame)));
      stacks.put(stack.path("id").asText(), frames);
    }
    root.path("descriptors").forEach(node -> descriptors.add(new Descriptor(node)));
  }

  /** Reads a report and checks it against the schema. */
  public static Report read(Path file) throws IOException {
    JsonNode root = new ObjectMapper().readTree(file.toFile());
    SchemaValidation.check(file, root);
    return new Report(file, root);
  }

  /** A frame, Java or native. */
  public record Frame(JsonNode json) {
    public boolean java() {
      return json.path("kind").asText().equals("java");
    }

    /** {@code class.method} of a Java frame, the symbol of a native one. */
    public String name() {
      return java()
          ? json.path("class").asText() + "." + json.path("method").asText()
          : json.path("symbol").asText("?");
    }

    public int line() {
      return json.path("line").asInt(0);
    }

    @Override
    public String toString() {
      return name() + (json.has("line") ? ":" + line() : "");
    }
  }

  /** A call: a descriptor's origin or one step of its history. */
  public final class Call {
    private final JsonNode json;

    private Call(JsonNode json) {
      this.json = json;
    }

    public JsonNode json() {
      return json;
    }

    public String call() {
      return json.path("call").asText();
    }

    public List<Frame> stack() {
      return Report.this.stack(json.path("stack"));
    }

    /** The Java frames alone, innermost first. */
    public List<Frame> javaFrames() {
      return stack().stream().filter(Frame::java).toList();
    }

    /** The first Java frame of this {@code class.method}. */
    public Frame frame(String name) {
      return javaFrames().stream()
          .filter(frame -> frame.name().equals(name))
          .findFirst()
          .orElseThrow(
              () -> new AssertionError(name + " is not in the stack of " + json + ": " + stack()));
    }
  }

  /** One open descriptor. */
  public final class Descriptor {
    private final JsonNode json;

    private Descriptor(JsonNode json) {
      this.json = json;
    }

    public JsonNode json() {
      return json;
    }

    public int fd() {
      return json.path("fd").asInt(-1);
    }

    public String kind() {
      return json.path("kind").asText();
    }

    public String attribution() {
      return json.path("attribution").asText();
    }

    public boolean blocking() {
      return json.path("blocking").asBoolean(false);
    }

    public TreeSet<Integer> failures() {
      TreeSet<Integer> indices = new TreeSet<>();
      json.path("failures").forEach(index -> indices.add(index.asInt()));
      return indices;
    }

    public JsonNode socket() {
      return json.path("socket");
    }

    public Call origin() {
      if (!json.has("origin")) {
        throw new AssertionError("no origin: " + json);
      }
      return new Call(json.get("origin"));
    }

    public List<String> historyCalls() {
      List<String> calls = new ArrayList<>();
      json.path("history").forEach(step -> calls.add(step.path("call").asText()));
      return calls;
    }

    /** The first step of the history by this call. */
    public Call history(String call) {
      for (JsonNode step : json.path("history")) {
        if (step.path("call").asText().equals(call)) {
          return new Call(step);
        }
      }
      throw new AssertionError("no " + call + " in the history of " + json);
    }

    public boolean hasCulprit() {
      return json.has("culprit");
    }

    /** The culprit, after a check that it is the frame that it points at. */
    public Frame culprit() {
      JsonNode culprit = json.path("culprit");
      if (culprit.isMissingNode()) {
        throw new AssertionError("no culprit: " + json);
      }
      Frame pointed = stack(culprit.path("stack")).get(culprit.path("frame").asInt(-1));
      Frame told = new Frame(culprit);
      for (String key : List.of("class", "method", "line", "file")) {
        if (!culprit.path(key).equals(pointed.json().path(key))) {
          throw new AssertionError(
              "the culprit says " + told.json() + ", its frame is " + pointed.json());
        }
      }
      return pointed;
    }

    @Override
    public String toString() {
      return json.toString();
    }
  }

  public Path file() {
    return file;
  }

  public JsonNode json() {
    return root;
  }

  public List<Descriptor> descriptors() {
    return descriptors;
  }

  public Descriptor descriptor(int fd) {
    return find(fd)
        .orElseThrow(() -> new AssertionError("descriptor " + fd + " is not in " + file));
  }

  public Optional<Descriptor> find(int fd) {
    return descriptors.stream().filter(descriptor -> descriptor.fd() == fd).findFirst();
  }

  public String triggerKind() {
    return root.path("trigger").path("kind").asText();
  }

  public String exceptionClass() {
    return root.path("trigger").path("exception").path("class").asText();
  }

  /** {@code class: message} of each suppressed exception, in the report's order. */
  public List<String> suppressed() {
    List<String> all = new ArrayList<>();
    for (JsonNode one : root.path("trigger").path("exception").path("suppressed")) {
      all.add(Attempt.text(one.path("class").asText(), one.path("message").textValue()));
    }
    return all;
  }

  private List<Frame> stack(JsonNode id) {
    List<Frame> frames = stacks.get(id.asText());
    if (frames == null) {
      throw new AssertionError("no stack " + id + " in " + file);
    }
    return frames;
  }
}
