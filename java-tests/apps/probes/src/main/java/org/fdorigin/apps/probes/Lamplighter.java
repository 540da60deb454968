package org.fdorigin.apps.probes;

import java.io.IOException;
import java.lang.instrument.Instrumentation;
import java.lang.ref.Cleaner;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.fdorigin.apps.console.Console;

/**
 * Lights a lamp, a socket, on each of the threads that an application does not start itself. {@code
 * --late} goes on after {@code exit}: it is told on the thread that ends the JVM, where there is
 * another {@code READY}. To be run with {@code --add-exports} of {@code java.base}'s {@code
 * jdk.internal.ref} and {@code jdk.internal.access}.
 */
public final class Lamplighter {

  private static final int SHUTDOWN_SLOT = 5; // behind the console's and the applications' hooks

  private static final int TURNS = 20_000;

  private static final CompletableFuture<String> ATTACHED = new CompletableFuture<>();
  private static final CompletableFuture<String> FINALIZED = new CompletableFuture<>();

  private Lamplighter() {}

  /** On the Attach Listener. */
  public static void agentmain(String arguments, Instrumentation instrumentation) {
    settle(ATTACHED, Lamplighter::lightAtAttachSixtyOne);
  }

  /** Main returns at once: it is another thread that listens to the commands. */
  public static void main(String[] args) throws Exception {
    Console console = new Console(args);
    console
        .on("attached", () -> lit(ATTACHED))
        .on("signal", Lamplighter::signal)
        .on("cleaner", Lamplighter::clean)
        .on("finalizer", Lamplighter::collect)
        .on("fork-join", Lamplighter::forkJoin)
        .on("relay", Lamplighter::relay);
    if (!console.option("late", "no").equals("no")) {
      haveTheLastWord(console);
    }
    String main = Files.readSymbolicLink(Path.of("/proc/thread-self")).getFileName().toString();
    new Thread(new NightShift(console, main), "night-shift").start();
  }

  private static final class NightShift implements Runnable {
    private final Console console;
    private final String main;

    private NightShift(Console console, String main) {
      this.console = console;
      this.main = main;
    }

    @Override
    public void run() {
      try {
        console.serve(Map.of("main", main));
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }
  }

  private static String lightAtAttachSixtyOne() throws IOException {
    return Witness.of(new Throwable(), ServerSocketChannel.open()); // MARK attached
  }

  private static String lightAtSignalSixtyTwo() throws IOException {
    return Witness.of(new Throwable(), ServerSocketChannel.open()); // MARK signal
  }

  private static String lightAtCleanerSixtyThree() throws IOException {
    return Witness.of(new Throwable(), ServerSocketChannel.open()); // MARK cleaner
  }

  private static String lightAtFinalizerSixtyFour() throws IOException {
    return Witness.of(new Throwable(), ServerSocketChannel.open()); // MARK finalizer
  }

  private static String lightAtForkJoinSixtyFive() throws IOException {
    return Witness.of(new Throwable(), ServerSocketChannel.open()); // MARK fork-join
  }

  private static String lightAtHookSixtySix() throws IOException {
    return Witness.of(new Throwable(), ServerSocketChannel.open()); // MARK hook
  }

  private static String lightAtDestroyerSixtySeven() throws IOException {
    return Witness.of(new Throwable(), ServerSocketChannel.open()); // MARK destroyer
  }

  /** Often enough to be compiled, and the last time with what lights. */
  private static Map<String, ?> relay() throws IOException {
    for (int i = 0; i < TURNS; i++) {
      passOnSixtyEight(new Torch(false));
    }
    return Map.of("lit", passOnSixtyEight(new Torch(true)));
  }

  private static String passOnSixtyEight(Torch torch) throws IOException {
    return torch.light(); // MARK relay
  }

  private static final class Torch {
    private final boolean burns;

    private Torch(boolean burns) {
      this.burns = burns;
    }

    private String light() throws IOException {
      return burns ? Witness.of(new Throwable(), ServerSocketChannel.open()) : "";
    }
  }

  private static void settle(CompletableFuture<String> future, Callable<String> lamp) {
    try {
      future.complete(lamp.call());
    } catch (Exception e) {
      future.completeExceptionally(e);
    }
  }

  private static Map<String, ?> lit(CompletableFuture<String> lamp) throws Exception {
    return Map.of("lit", lamp.get(60, TimeUnit.SECONDS));
  }

  private static final class Listening implements InvocationHandler {
    private final CompletableFuture<String> lamp;

    private Listening(CompletableFuture<String> lamp) {
      this.lamp = lamp;
    }

    @Override
    public Object invoke(Object proxy, Method method, Object[] arguments) {
      settle(lamp, Lamplighter::lightAtSignalSixtyTwo);
      return null;
    }
  }

  /** By reflection: the compiler warns of this class, and nothing silences that. */
  private static Map<String, ?> signal() throws Exception {
    CompletableFuture<String> lamp = new CompletableFuture<>();
    Class<?> type = Class.forName("sun.misc.Signal");
    Class<?> handlerType = Class.forName("sun.misc.SignalHandler");
    Object signal = type.getConstructor(String.class).newInstance("WINCH");
    Object handler =
        Proxy.newProxyInstance(
            Lamplighter.class.getClassLoader(),
            new Class<?>[] {handlerType},
            new Listening(lamp));
    type.getMethod("handle", type, handlerType).invoke(null, signal, handler);
    type.getMethod("raise", type).invoke(null, signal);
    return lit(lamp);
  }

  private static final class Sweeping implements Runnable {
    private final CompletableFuture<String> lamp;

    private Sweeping(CompletableFuture<String> lamp) {
      this.lamp = lamp;
    }

    @Override
    public void run() {
      settle(lamp, Lamplighter::lightAtCleanerSixtyThree);
    }
  }

  private static Map<String, ?> clean() throws Exception {
    CompletableFuture<String> lamp = new CompletableFuture<>();
    Cleaner common =
        (Cleaner)
            Class.forName("jdk.internal.ref.CleanerFactory").getMethod("cleaner").invoke(null);
    common.register(new Object(), new Sweeping(lamp));
    collectUntil(lamp);
    return lit(lamp);
  }

  private static final class Mortal {
    @Override
    @SuppressWarnings({"deprecation", "removal"})
    protected void finalize() {
      settle(FINALIZED, Lamplighter::lightAtFinalizerSixtyFour);
    }
  }

  private static Map<String, ?> collect() throws Exception {
    new Mortal();
    collectUntil(FINALIZED);
    return lit(FINALIZED);
  }

  private static void collectUntil(CompletableFuture<String> lamp) throws Exception {
    for (int i = 0; i < 600; i++) {
      System.gc();
      try {
        lamp.get(100, TimeUnit.MILLISECONDS);
        return;
      } catch (TimeoutException e) {
        // once more
      }
    }
  }

  private static final class Working implements Callable<String> {
    @Override
    public String call() throws IOException {
      return lightAtForkJoinSixtyFive();
    }
  }

  private static Map<String, ?> forkJoin() throws Exception {
    String lit = ForkJoinPool.commonPool().submit(new Working()).get(60, TimeUnit.SECONDS);
    return Map.of("lit", lit);
  }

  private static final class Leaving implements Runnable {
    private final CompletableFuture<String> lamp;

    private Leaving(CompletableFuture<String> lamp) {
      this.lamp = lamp;
    }

    @Override
    public void run() {
      settle(lamp, Lamplighter::lightAtHookSixtySix);
    }
  }

  private static final class Destroying implements Runnable {
    private final Console console;
    private final CompletableFuture<String> hook;

    private Destroying(Console console, CompletableFuture<String> hook) {
      this.console = console;
      this.hook = hook;
    }

    @Override
    public void run() {
      try {
        String own = lightAtDestroyerSixtySeven();
        console.serve(Map.of("hook", hook.get(60, TimeUnit.SECONDS), "destroyer", own));
      } catch (Exception e) {
        throw new AssertionError(e);
      }
    }
  }

  /** An application's hook has a thread of its own; the JDK's run on the thread that ends it. */
  private static void haveTheLastWord(Console console) throws ReflectiveOperationException {
    CompletableFuture<String> hook = new CompletableFuture<>();
    Runtime.getRuntime().addShutdownHook(new Thread(new Leaving(hook), "last-rounds"));
    Object access =
        Class.forName("jdk.internal.access.SharedSecrets")
            .getMethod("getJavaLangAccess")
            .invoke(null);
    Class.forName("jdk.internal.access.JavaLangAccess")
        .getMethod("registerShutdownHook", int.class, boolean.class, Runnable.class)
        .invoke(access, SHUTDOWN_SLOT, true, new Destroying(console, hook));
  }
}
