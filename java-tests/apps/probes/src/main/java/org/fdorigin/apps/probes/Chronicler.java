package org.fdorigin.apps.probes;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.objectweb.asm.Opcodes.ACC_PUBLIC;
import static org.objectweb.asm.Opcodes.ACC_STATIC;
import static org.objectweb.asm.Opcodes.ARETURN;
import static org.objectweb.asm.Opcodes.ASM9;
import static org.objectweb.asm.Opcodes.INVOKESTATIC;
import static org.objectweb.asm.Opcodes.V11;

import java.io.IOException;
import java.io.InputStream;
import java.lang.instrument.ClassDefinition;
import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.net.URLDecoder;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.ProtectionDomain;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.Callable;
import org.fdorigin.apps.console.Console;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;

/**
 * Opens sockets by code that is something else when they are reported: unloaded, redefined, or
 * deleted; and by code with odd names, {@code --names=NAME,NAME}, URL-encoded. To be run with
 * itself as {@code -javaagent} that can redefine and retransform.
 */
public final class Chronicler {

  private static Instrumentation instrumentation;

  private Chronicler() {}

  public static void premain(String arguments, Instrumentation given) {
    instrumentation = given;
  }

  public static void main(String[] args) throws IOException {
    Console console = new Console(args);
    console
        .on("mayfly", Chronicler::mayfly)
        .on("scroll", () -> Map.of("opened", Scroll.writeEightyTwo()))
        .on("redefine", () -> redefine(1000))
        .on("retransform", () -> retransform(2000))
        .on("rewrite", Chronicler::rewrite)
        .on("odd", () -> Map.of("opened", odd(console.option("names").split(","))))
        .on("library", () -> library(console))
        .serve(Map.of());
  }

  /** Lives for one opening, in a loader of its own and in no other. */
  public static final class Mayfly implements Callable<String> {
    @Override
    public String call() throws IOException {
      return flyAtDuskEightyOne();
    }

    private static String flyAtDuskEightyOne() throws IOException {
      return testify(new Throwable(), ServerSocketChannel.open()); // MARK mayfly
    }
  }

  /** Is rewritten. */
  public static final class Scroll {
    private Scroll() {}

    static String writeEightyTwo() throws IOException {
      return Witness.of(new Throwable(), ServerSocketChannel.open()); // MARK scroll
    }

    /** The class is another one when this method goes on, and the method is not. */
    static String writeOverEightyThree() throws Exception {
      String before = Witness.of(new Throwable(), ServerSocketChannel.open()); // MARK before
      redefine(4000);
      String after = Witness.of(new Throwable(), ServerSocketChannel.open()); // MARK after
      return before + "&" + after;
    }
  }

  /** For classes that are in other run-time packages. */
  public static String testify(Throwable here, ServerSocketChannel channel) throws IOException {
    return Witness.of(here, channel);
  }

  /** The same, for code that has no Throwable of its own. */
  public static String openAndTestify() throws IOException {
    return Witness.of(new Throwable(), ServerSocketChannel.open());
  }

  private static final class Loader extends ClassLoader {
    private Loader() {
      super(Chronicler.class.getClassLoader());
    }

    private Class<?> define(byte[] bytes) {
      return defineClass(null, bytes, 0, bytes.length);
    }
  }

  private static Map<String, ?> mayfly() throws Exception {
    ReferenceQueue<Object> dead = new ReferenceQueue<>();
    WeakReference<?>[] loader = {null};
    String opened = liveAndDie(dead, loader);
    boolean gone = false;
    for (int i = 0; i < 600 && !gone; i++) {
      System.gc();
      gone = dead.remove(100) != null;
    }
    return Map.of("opened", opened, "cleared", gone && loader[0].get() == null);
  }

  private static String liveAndDie(ReferenceQueue<Object> dead, WeakReference<?>[] reference)
      throws Exception {
    Loader loader = new Loader();
    reference[0] = new WeakReference<>(loader, dead);
    Class<?> type = loader.define(bytesOf("Chronicler$Mayfly"));
    return (String) ((Callable<?>) type.getConstructor().newInstance()).call();
  }

  private static byte[] bytesOf(String name) throws IOException {
    try (InputStream in = Chronicler.class.getResourceAsStream(name + ".class")) {
      return in.readAllBytes();
    }
  }

  private static byte[] shifted(byte[] type, int lines) {
    ClassWriter writer = new ClassWriter(0);
    new ClassReader(type)
        .accept(
            new ClassVisitor(ASM9, writer) {
              @Override
              public MethodVisitor visitMethod(
                  int access, String name, String descriptor, String signature, String[] thrown) {
                return new MethodVisitor(
                    ASM9, super.visitMethod(access, name, descriptor, signature, thrown)) {
                  @Override
                  public void visitLineNumber(int line, Label start) {
                    super.visitLineNumber(line + lines, start);
                  }
                };
              }
            },
            0);
    return writer.toByteArray();
  }

  private static Map<String, ?> redefine(int lines) throws Exception {
    instrumentation.redefineClasses(
        new ClassDefinition(Scroll.class, shifted(bytesOf("Chronicler$Scroll"), lines)));
    return Map.of();
  }

  private static Map<String, ?> rewrite() throws Exception {
    String[] opened = Scroll.writeOverEightyThree().split("&");
    String[] later = Scroll.writeOverEightyThree().split("&");
    return Map.of("before", opened[0], "after", opened[1], "later", later[1]);
  }

  private static final class Shift implements ClassFileTransformer {
    private final int lines;

    private Shift(int lines) {
      this.lines = lines;
    }

    @Override
    public byte[] transform(
        ClassLoader loader,
        String name,
        Class<?> redefined,
        ProtectionDomain domain,
        byte[] bytes) {
      return redefined == Scroll.class ? shifted(bytes, lines) : null;
    }
  }

  private static Map<String, ?> retransform(int lines) throws Exception {
    Shift shift = new Shift(lines);
    instrumentation.addTransformer(shift, true);
    instrumentation.retransformClasses(Scroll.class);
    instrumentation.removeTransformer(shift);
    return Map.of();
  }

  /** One class for each name, which its method and its file have, too. */
  private static String odd(String[] names) throws Exception {
    StringJoiner opened = new StringJoiner("&");
    for (String encoded : names) {
      String name = URLDecoder.decode(encoded, UTF_8);
      ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
      writer.visit(V11, ACC_PUBLIC, "odd/" + name, null, "java/lang/Object", null);
      writer.visitSource(name, null);
      String type = "()Ljava/lang/String;";
      MethodVisitor method =
          writer.visitMethod(ACC_PUBLIC | ACC_STATIC, name, type, null, null);
      method.visitCode();
      Label start = new Label();
      method.visitLabel(start);
      method.visitLineNumber(84, start);
      String self = Chronicler.class.getName().replace('.', '/');
      method.visitMethodInsn(INVOKESTATIC, self, "openAndTestify", type, false);
      method.visitInsn(ARETURN);
      method.visitMaxs(0, 0);
      method.visitEnd();
      writer.visitEnd();
      Class<?> made = new Loader().define(writer.toByteArray());
      opened.add((String) made.getDeclaredMethods()[0].invoke(null));
    }
    return opened.toString();
  }

  /** Both the library and its file are gone when this returns. */
  private static Map<String, ?> library(Console console) throws IOException {
    System.load(console.option("library"));
    Path path = Path.of(console.option("guest"));
    String guest = path.toString();
    String opened = Witness.of(new Throwable(), Ferryman.visit(guest, "inn_plain_socket"));
    Files.delete(path);
    return Map.of("opened", opened);
  }
}
