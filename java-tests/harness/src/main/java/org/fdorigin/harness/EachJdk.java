package org.fdorigin.harness;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.TestTemplate;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * A test that takes a {@link Jdk} and runs once with each of these feature versions. Where the
 * machine has none of a version, that run is skipped and says so.
 *
 * <p>Where one JVM is named ({@link Jdk#only}) it runs once, with that one, if its version is
 * not below {@code since}.
 */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@TestTemplate
@ExtendWith(EachJdkProvider.class)
public @interface EachJdk {
  int[] value() default {17, 25};

  /** The first feature version that has what the test is about. */
  int since() default 11;
}
